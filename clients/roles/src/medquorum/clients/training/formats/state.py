# SPDX-License-Identifier: Apache-2.0
"""Models as torch names them: state dicts to and from the ledger's integers.

A layer's ``mean`` and ``scale`` are torch's ``running_mean`` and ``running_var`` = scale^-2 - eps. What comes back
as it was given keeps the ledger's very integers: a frozen layer is the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from medquorum.clients.training.formats.model_file import EPS, torch_name
from medquorum.core import fixedpoint
from medquorum.core import model as modelformat
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import Kind, ModelDescription, TensorSpec
from medquorum.errors import ModelError, RangeError

__all__ = ["State", "check_apart", "load_into", "pack_module", "pack_state", "state_of"]

State = Mapping[str, torch.Tensor]
_REMEDY = "Use the module that the task's model was described from; describe() tells its tensors' names"


def state_of(
    description: ModelDescription, packed: bytes, eps: Mapping[str, float] | None = None
) -> dict[str, torch.Tensor]:
    """Return a packed model's tensors by torch's names, float32; ``eps`` by layer, 1e-5 where it names none."""
    tensors = modelformat.unpack(description, packed)
    return {
        torch_name(spec): _floats(spec, tensors[spec.name], eps or {}).float()
        for spec in modelformat.layout(description)
    }


def load_into(module: nn.Module, description: ModelDescription, packed: bytes) -> None:
    """Load a packed model into a module of one's own, in its own types and on its own devices.

    Raises
    ------
    ModelError
        Its tensors are not the model's: names (all are told), shapes, or two that are one.
    """
    state, eps = module.state_dict(), _eps_of(module)
    tensors = modelformat.unpack(description, packed)
    _check(description, state, tensors)
    with torch.no_grad():
        for spec in modelformat.layout(description):
            target = state.get(torch_name(spec))
            if target is not None:
                target.copy_(_floats(spec, tensors[spec.name], eps).reshape(target.shape))


def pack_module(module: nn.Module, description: ModelDescription, base: bytes | None) -> bytes:
    """Pack a module of one's own, loaded from the packed ``base`` if there is one; errors as of ``pack_state``."""
    return pack_state(module.state_dict(), description, base, _eps_of(module))


def pack_state(
    state: State, description: ModelDescription, base: bytes | None, eps: Mapping[str, float] | None = None
) -> bytes:
    """Pack tensors of torch's names; what is still as ``base`` gives it keeps the integers of ``base``.

    Raises
    ------
    ModelError
        The tensors are not the model's (names, shapes, two that are one), or hold NaN or infinity.
    RangeError
        A value lies outside its tensor's bound: verifiers would refuse it (rule RANGE).
    """
    before = modelformat.unpack(description, bytes(4 * modelformat.parameters(description)) if base is None else base)
    _check(description, state, before)
    encoded: dict[str, IntArray] = {}
    for spec in modelformat.layout(description):
        given = state.get(torch_name(spec))
        old = before[spec.name].astype(np.int64)
        if given is not None:
            old = _encoded(spec, given.detach().cpu().reshape(spec.shape), old, eps or {})
        encoded[spec.name] = old
    modelformat.check_range(description, encoded)
    return modelformat.pack(description, encoded)


def _encoded(spec: TensorSpec, given: torch.Tensor, old: IntArray, eps: Mapping[str, float]) -> IntArray:
    loaded = _floats(spec, old, eps)
    same = (given == loaded.to(given.dtype)) | (given == loaded.float().to(given.dtype))
    values = given.double()
    if not bool(torch.isfinite(values).all()):
        raise ModelError(
            f"tensor {torch_name(spec)} holds NaN or infinity",
            "Check the training for divergence: a smaller learning rate, or clipped gradients",
        )
    if spec.kind is Kind.SCALE:
        values = (values + _eps(spec, eps)).clamp(min=0).rsqrt().clamp(max=float(Kind.SCALE.highest >> 16))
    try:
        numbers = fixedpoint.encode(values.numpy())
    except RangeError as error:
        raise RangeError(f"tensor {torch_name(spec)}: {error.cause}", error.remedy) from error
    if spec.kind is Kind.SCALE:
        # A channel that hardly varies, or varies wildly, is no fault.
        numbers = numbers.clip(spec.kind.lowest, spec.kind.highest)
    return np.where(same.numpy(), old, numbers)


def _floats(spec: TensorSpec, values: npt.NDArray[np.integer], eps: Mapping[str, float]) -> torch.Tensor:
    """Return a tensor's integers as torch holds them, float64."""
    numbers = torch.from_numpy(fixedpoint.decode(values))
    return (numbers**-2 - _eps(spec, eps)).clamp(min=0) if spec.kind is Kind.SCALE else numbers


def _eps(spec: TensorSpec, eps: Mapping[str, float]) -> float:
    return eps.get(spec.name.rpartition(".")[0], EPS)


def _eps_of(module: nn.Module) -> dict[str, float]:
    return {name: part.eps for name, part in module.named_modules() if isinstance(part, _BatchNorm)}


def _check(
    description: ModelDescription,
    state: State,
    tensors: Mapping[str, npt.NDArray[np.integer]],
) -> None:
    """Check names, shapes and that no two tensors are one; a bias that is zero need not be there."""
    specs = {torch_name(spec): spec for spec in modelformat.layout(description)}
    missing = [name for name in specs if name not in state and not _is_idle(specs[name], tensors)]
    # A module that another one holds as well has its tensors under two names: one of them is the model's.
    held = {_place(state[name]) for name in specs if name in state}
    strangers = [name for name in state if name not in specs and not name.endswith("num_batches_tracked")]
    unknown = [name for name in strangers if not _is_one_of(state[name], held)]
    if missing or unknown:
        told = [f"{word}: {_listed(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
        raise ModelError(f"the module's tensors are not the model's; {'; '.join(told)}", _REMEDY)
    for name, spec in specs.items():
        if name in state and not _fits(tuple(state[name].shape), spec.shape):
            raise ModelError(
                f"tensor {name} has shape {tuple(state[name].shape)} instead of {spec.shape}",
                "A module must keep its shape: the task's model was described once for all rounds",
            )
    check_apart({name: state[name] for name in specs if name in state})


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return whether a tensor has a shape; a convolution of one dimension has height 1 in the format."""
    return shape == wanted or (len(shape) == 3 and (*shape[:2], 1, shape[2]) == wanted)


def _is_idle(spec: TensorSpec, tensors: Mapping[str, npt.NDArray[np.integer]]) -> bool:
    return spec.kind is Kind.WEIGHT and spec.name.endswith(".bias") and not tensors[spec.name].any()


def check_apart(state: State) -> None:
    """Refuse tensors of which two are one with ``ModelError``: tied weights."""
    places: dict[tuple[int, int], str] = {}
    for name, tensor in state.items():
        place = _place(tensor)
        if tensor.numel() and tensor.device.type != "meta" and place in places:
            raise ModelError(
                f"tensors {places[place]} and {name} are one (tied weights)",
                "Give each layer weights of its own: the ledger's model holds both, and averages them apart",
            )
        places[place] = name


def _is_one_of(tensor: torch.Tensor, places: set[tuple[int, int]]) -> bool:
    return bool(tensor.numel()) and tensor.device.type != "meta" and _place(tensor) in places


def _place(tensor: torch.Tensor) -> tuple[int, int]:
    return tensor.untyped_storage().data_ptr(), int(tensor.storage_offset())


def _listed(names: Iterable[str], shown: int = 8) -> str:
    every = list(names)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more
