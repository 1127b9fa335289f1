# SPDX-License-Identifier: Apache-2.0
"""The plan of a small verification, as organisations send it to each other."""

from __future__ import annotations

from typing import Any

from medquorum.core.model import catalogue

__all__ = ["PLAN"]

PLAN: dict[str, Any] = {
    "parties": ["P0MSP", "P1MSP"],
    "model": catalogue.describe("mlp", (1, 4, 4), 2),
    "subjects": ["mixed"],
    "lambda_numerator": 1,
    "lambda_bits": 1,
    "grayscale": True,
    "norm": None,
    "per_class": False,
    "comparison": "tree",
    "batch": 2,
    "images": 5,
    "first_batch": 0,
    "needed": 1,
    "updates": 0,
    "step": None,
}
