# SPDX-License-Identifier: Apache-2.0
"""Exact integer inference, as docs/reference/evaluation.md defines it."""

from medquorum.core.inference.accuracy import AccuracyCounts, check_labels, correct, count_correct
from medquorum.core.inference.compile import compile_model, compile_scaled
from medquorum.core.inference.entry import entry_of
from medquorum.core.inference.image_set import ImageSet
from medquorum.core.inference.program import Program

__all__ = [
    "AccuracyCounts",
    "ImageSet",
    "Program",
    "check_labels",
    "compile_model",
    "compile_scaled",
    "correct",
    "count_correct",
    "entry_of",
]
