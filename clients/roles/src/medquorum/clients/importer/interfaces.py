# SPDX-License-Identifier: Apache-2.0
"""What goes into a described module and what comes out, as its owner says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medquorum.core import fixedpoint
from medquorum.core.model import catalogue
from medquorum.errors import ModelError

__all__ = ["Classes", "Labels", "Logit", "Numbers", "Output", "Pixels"]

Channels = float | Sequence[float]


@dataclass(frozen=True)
class Pixels:
    """What the module takes: pixels 0 to 255 as (pixel / 255 - mean) / deviation, the same for all channels.

    Attributes
    ----------
    mean, deviation
        One number, or one for each channel if they are equal.
    """

    mean: Channels = 0.0
    deviation: Channels = 1.0

    def table(self) -> list[int]:
        """Return the fixed-point value of each pixel.

        Raises
        ------
        ModelError
            The channels have unequal numbers, or a value is too large.
        """
        mean, deviation = _only(self.mean, "mean"), _only(self.deviation, "deviation")
        _check_deviation(deviation)
        return catalogue.pixel_table(mean, deviation)


@dataclass(frozen=True)
class Numbers:
    """What the module takes: numbers x as (x - mean) / deviation, for each channel or feature.

    Attributes
    ----------
    mean, deviation
        One number, or one for each channel.
    type
        ``int16`` for whole numbers, ``int32`` for floats; the verification set and all hospitals store the same.
    """

    mean: Channels = 0.0
    deviation: Channels = 1.0
    type: Literal["int16", "int32"] = "int32"

    def source(self, shape: Sequence[int]) -> dict[str, Any]:
        """Return the description's input of this shape (c, h, w).

        Raises
        ------
        ModelError
            There are more or fewer numbers than channels, or a deviation cannot be divided by.
        """
        means, deviations = (_every(values, shape[0]) for values in (self.mean, self.deviation))
        for deviation in deviations:
            _check_deviation(deviation)
        offsets = [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)]
        return {
            "kind": "fixed",
            "shape": list(shape),
            "type": self.type,
            "scale": [round((1 << 32) / deviation) for deviation in deviations],
            "offset": fixedpoint.encode(offsets).tolist(),
        }


@dataclass(frozen=True)
class Classes:
    """What the module gives: one logit for each of so many classes."""

    count: int

    def output(self) -> dict[str, Any]:
        """Return the description's output."""
        return {"kind": "classes", "count": self.count}


@dataclass(frozen=True)
class Logit:
    """What the module gives: one logit of class 1; it is told from this threshold on."""

    threshold: float = 0.0

    def output(self) -> dict[str, Any]:
        """Return the description's output."""
        return {"kind": "logit", "threshold": int(fixedpoint.encode(self.threshold))}


@dataclass(frozen=True)
class Labels:
    """What the module gives: one logit for each label; it is told from the label's threshold on.

    Attributes
    ----------
    thresholds
        One for each label; a number of labels stands for so many zeros.
    """

    thresholds: int | Sequence[float]

    def output(self) -> dict[str, Any]:
        """Return the description's output."""
        values = [0.0] * self.thresholds if isinstance(self.thresholds, int) else self.thresholds
        return {"kind": "labels", "thresholds": fixedpoint.encode(values).tolist()}


Output = Classes | Logit | Labels


def _check_deviation(deviation: float) -> None:
    if not deviation > 0:
        raise ModelError(f"a deviation of {deviation} cannot be divided by", "Give the deviation of the inputs")


def _every(values: Channels, channels: int) -> list[float]:
    listed = [float(item) for item in values] if isinstance(values, Sequence) else [float(values)] * channels
    if len(listed) != channels:
        raise ModelError(f"{len(listed)} numbers for {channels} channels", "Give one number, or one for each channel")
    return listed


def _only(value: Channels, what: str) -> float:
    values = {float(item) for item in (value if isinstance(value, Sequence) else (value,))}
    if len(values) != 1:
        raise ModelError(
            f"the channels have {len(values)} values of the {what}",
            "A table is for all channels: store the images as inputs of int16, and describe them with Numbers",
        )
    return values.pop()
