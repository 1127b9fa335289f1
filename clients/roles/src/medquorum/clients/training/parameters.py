# SPDX-License-Identifier: Apache-2.0
"""Parameters between torch and the ledger: float tensors, fixed point, packed bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.clients.training.module import DescribedModel
from medquorum.core import fixedpoint
from medquorum.core import model as modelformat
from medquorum.core.model import Kind, ModelDescription

__all__ = ["flatten", "load", "pack_flat", "parameters_of"]

Raw = npt.NDArray[np.int64]


def parameters_of(model: DescribedModel) -> bytes:
    """Pack a module's parameters.

    A BatchNorm scale is brought into its bounds: a channel that hardly varies, or varies wildly, is no fault.

    Raises
    ------
    ModelError
        A parameter is NaN or infinite.
    RangeError
        A parameter lies outside its tensor's bound: verifiers would refuse it (rule RANGE).
    """
    tensors = model.tensors()
    encoded: dict[str, Raw] = {}
    for spec in modelformat.layout(model.description):
        encoded[spec.name] = fixedpoint.encode(tensors[spec.name])
        if spec.kind is Kind.SCALE:
            encoded[spec.name] = encoded[spec.name].clip(spec.kind.lowest, spec.kind.highest)
    modelformat.check_range(model.description, encoded)
    return modelformat.pack(model.description, encoded)


def load(model: DescribedModel, packed: bytes) -> None:
    """Return a module the parameters of a packed model; ModelError when the length is wrong."""
    tensors = modelformat.unpack(model.description, packed)
    model.load_tensors({name: fixedpoint.decode(values) for name, values in tensors.items()})


def flatten(packed: bytes) -> Raw:
    """Return packed parameters as one vector, int64 (n,)."""
    return np.frombuffer(packed, "<i4").astype(np.int64)


def pack_flat(description: ModelDescription, flat: Raw) -> bytes:
    """Pack a vector of int32 values in layout order, whatever their bounds; ModelError when the length is wrong."""
    packed = flat.astype("<i4").tobytes()
    modelformat.unpack(description, packed)
    return packed
