# SPDX-License-Identifier: Apache-2.0
"""Places of pooling windows along one axis, padded places left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.inference.windows import runs

__all__ = ["Along", "along"]


class Along(NamedTuple):
    """An axis' windows, place by place."""

    first: IntArray
    """Each window's first place."""
    rest: list[tuple[IntArray, IntArray]]
    """For the second, third, ... place: the windows that have one, and the places."""


def along(size: int, kernel: int, stride: int, padding: int, *, ceil: bool = False) -> Along:
    """Return the windows along an axis of ``size`` places."""
    starts, taps = [], []
    for run in runs(size, kernel, stride, padding, ceil=ceil):
        starts += [run.start + place * stride for place in range(run.places)]
        taps += [run.taps] * run.places
    first, count = np.array(starts, dtype=np.int64), np.array(taps, dtype=np.int64)
    windows = [np.flatnonzero(count > tap) for tap in range(1, max(taps))]
    return Along(first, [(window, first[window] + tap) for tap, window in enumerate(windows, start=1)])
