# SPDX-License-Identifier: Apache-2.0
"""Where a convolution's taps meet its input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from medquorum.core.inference.windows import Run, runs

__all__ = ["Geometry"]


@dataclass(frozen=True)
class Geometry:
    """Sizes of a convolution.

    Attributes
    ----------
    height, width
        Input places.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: int
    padding: int

    @cached_property
    def runs(self) -> tuple[list[Run], list[Run]]:
        """Output places by their live taps, for rows and for columns."""
        return (
            runs(self.height, self.kernel[0], self.stride, self.padding),
            runs(self.width, self.kernel[1], self.stride, self.padding),
        )

    @cached_property
    def output(self) -> tuple[int, int]:
        """Output places."""
        return sum(run.places for run in self.runs[0]), sum(run.places for run in self.runs[1])

    @cached_property
    def live(self) -> tuple[slice, slice]:
        """The kernel's rows and columns that meet the image anywhere."""
        rows, columns = (
            slice(min(run.tap for run in axis), max(run.tap + run.taps for run in axis)) for axis in self.runs
        )
        return rows, columns
