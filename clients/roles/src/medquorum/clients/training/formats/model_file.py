# SPDX-License-Identifier: Apache-2.0
"""A model from a safetensors file, by the layout's names or torch's; without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from medquorum.core import fixedpoint
from medquorum.core import model as modelformat
from medquorum.core.model import Kind, ModelDescription, TensorSpec
from medquorum.errors import ModelError

__all__ = ["EPS", "read_model", "torch_name"]

EPS = 1e-5
"""torch's own eps of a batch normalisation, where nothing says another."""
_PARTS = {Kind.MEAN: ("mean", "running_mean"), Kind.SCALE: ("scale", "running_var")}


def torch_name(spec: TensorSpec) -> str:
    """Return the name that torch gives a tensor of the layout."""
    if spec.kind not in _PARTS:
        return spec.name
    ours, theirs = _PARTS[spec.kind]
    return f"{spec.name.removesuffix(ours)}{theirs}"


def read_model(description: ModelDescription, path: Path) -> bytes:
    """Pack a model from a safetensors file of float tensors, named as in the layout or as torch names them.

    Raises
    ------
    ModelError
        The file cannot be read, or its tensors are not the layout's, not finite or out of range.
    """
    tensors = _read(path)
    encoded = {}
    for spec in modelformat.layout(description):
        given = tensors.get(spec.name)
        theirs = tensors.get(torch_name(spec))
        if given is None and theirs is not None:
            given = (np.maximum(theirs, 0) + EPS) ** -0.5 if spec.kind is Kind.SCALE else theirs
        if given is None or given.shape != spec.shape:
            shape = "missing" if given is None else given.shape
            raise ModelError(
                f"{path}: tensor {spec.name} is {shape}, the layout says {spec.shape}", "Save the described model"
            )
        numbers = fixedpoint.encode(given)
        # A channel that hardly varies, or varies wildly, is no fault.
        encoded[spec.name] = numbers.clip(spec.kind.lowest, spec.kind.highest) if spec.kind is Kind.SCALE else numbers
    modelformat.check_range(description, encoded)
    return modelformat.pack(description, encoded)


def _read(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a safetensors file: {error}", "Save the model's tensors as safetensors"
        ) from error
