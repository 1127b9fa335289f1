# SPDX-License-Identifier: Apache-2.0
"""Numbers that are no pixels as whole numbers of a fixed type: what a model with the input ``fixed`` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medquorum.core import fixedpoint
from medquorum.errors import DataError, ModelError, RangeError

__all__ = ["typed_inputs"]

_WHOLE = "Whole numbers have 16 bits here: store larger ones as floats"


def typed_inputs(inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return inputs as (n, channels, height, width): whole numbers as int16, floats as int32 with 16 fraction bits.

    Parameters
    ----------
    inputs
        Shape (n, features), (n, channels, time) or (n, channels, height, width).

    Raises
    ------
    DataError
        Another shape or type, a NaN, or a number that the type does not hold.
    """
    if inputs.ndim not in (2, 3, 4):
        raise DataError(
            f"inputs of shape {inputs.shape} are not (n, features), (n, channels, time) or (n, channels, h, w)",
            "Give each case one row",
        )
    held = _held(inputs)
    shape = (*inputs.shape, 1, 1) if inputs.ndim == 2 else inputs.shape
    if inputs.ndim == 3:
        shape = (*inputs.shape[:2], 1, inputs.shape[2])
    return np.ascontiguousarray(held.reshape(shape))


def _held(inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if inputs.dtype.kind in "biu":
        bounds = np.iinfo(np.int16)
        if inputs.size and (inputs.min() < bounds.min or inputs.max() > bounds.max):
            raise DataError(f"an input is a whole number beyond {bounds.min} to {bounds.max}", _WHOLE)
        return inputs.astype(np.int16)
    if inputs.dtype.kind != "f":
        raise DataError(f"inputs must be numbers, not {inputs.dtype}", "Number the categories, or give each a column")
    if not np.isfinite(inputs).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(inputs))[0])
        raise DataError(
            f"the input at {place} is NaN or infinite", "Fill in what is missing as all hospitals do, or leave it out"
        )
    try:
        return fixedpoint.encode(inputs).astype(np.int32)
    except (ModelError, RangeError) as error:
        raise DataError("an input is 32768 or more", "Give it in another unit, or standardise it") from error
