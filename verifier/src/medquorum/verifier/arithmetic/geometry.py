# SPDX-License-Identifier: Apache-2.0
"""Where a convolution's taps meet its input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from medquorum.core.inference.windows import Run, runs

__all__ = ["Geometry", "Pair"]

Pair: TypeAlias = tuple[int, int]
"""Along height and width."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of a convolution.

    Attributes
    ----------
    size
        Input places.
    ceil
        Whether a last window may reach beyond the border, as a pooling's.
    """

    size: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil: bool = False

    @cached_property
    def runs(self) -> tuple[list[Run], list[Run]]:
        """Output places by their live taps, for rows and for columns."""
        axes = zip(self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        rows, columns = (runs(*axis, ceil=self.ceil) for axis in axes)
        return rows, columns

    @cached_property
    def output(self) -> Pair:
        """Output places."""
        return sum(run.places for run in self.runs[0]), sum(run.places for run in self.runs[1])

    @cached_property
    def live(self) -> tuple[slice, slice]:
        """The kernel's rows and columns that meet the image anywhere."""
        rows, columns = (
            slice(min(run.tap for run in axis), max(run.tap + run.taps for run in axis)) for axis in self.runs
        )
        return rows, columns
