# SPDX-License-Identifier: Apache-2.0
"""One operation as a layer of the model format, or why it is none."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

from medquorum.clients.importer.graph import Operation, TensorName

__all__ = ["REMEDIES", "UNCHANGED", "Layer", "Unsupported", "layers_of", "no_remedy"]

Layer: TypeAlias = dict[str, Any]

_POOLS = "Use square windows without dilation, ceil_mode or a divisor of their own"
_NORMS = "Use nn.BatchNorm2d right after a convolution"
_LATER = "Format version 2 has it, for plain verification"
REMEDIES = {
    "prelu": "Replace it by LeakyReLU, and fine-tune",
    "sigmoid": "Leave it out at the end: the largest logit is the largest probability. Inside, use ReLU and fine-tune",
    "silu": "Replace it by ReLU, and fine-tune",
    "gelu": "Replace it by ReLU, and fine-tune",
    "hardswish": "Replace it by ReLU, and fine-tune",
    "elu": "Replace it by ReLU, and fine-tune",
    "tanh": "Replace it by ReLU, and fine-tune",
    "group_norm": _NORMS,
    "layer_norm": _NORMS,
    "instance_norm": _NORMS,
    "conv3d": "Use slices as images: volumes have no exact form",
    "conv_transpose2d": "The format tells classes, it gives no picture",
    "scaled_dot_product_attention": "Run the encoder at the hospital, and let the head on its features be the model",
}
_NO_REMEDY = "Write the model with convolutions, dense layers, batch normalisation, ReLU and pooling"


def no_remedy() -> str:
    """Return what is told of an operation that nothing particular is known of."""
    return _NO_REMEDY


class Unsupported(Exception):
    """An operation that the format has no layer for."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


def layers_of(operation: Operation) -> list[Layer]:
    """Return the layers of an operation: none where it changes nothing.

    Raises
    ------
    Unsupported
        The format has no such layer.
    """
    if operation.kind in UNCHANGED:
        return []
    if operation.kind not in _LAYERS or len(operation.before) != 1:
        remedy = REMEDIES.get(operation.kind, _NO_REMEDY)
        raise Unsupported("has no exact integer form in the model format", remedy)
    return _LAYERS[operation.kind](operation)


def _conv(operation: Operation) -> list[Layer]:
    given, weight = operation.given, operation.given["weight"]
    if given["groups"] != 1:
        raise Unsupported(f"{given['groups']} groups", _LATER)
    if set(given["dilation"]) != {1}:
        raise Unsupported(f"dilation {given['dilation']}", _LATER)
    name = _layer_name(weight)
    outputs, inputs, *kernel = weight.shape
    layer = {"op": "conv", "name": name, "in": inputs, "out": outputs, "kernel": _side(kernel, "kernel")}
    stride, padding = _side(given["stride"], "stride"), given["padding"]
    if padding == "valid":
        padding = 0
    elif padding == "same":
        if layer["kernel"] % 2 == 0:
            raise Unsupported("padding 'same' of an even kernel pads one side more", "Use an odd kernel")
        padding = layer["kernel"] // 2
    return [layer | {"stride": stride, "padding": _side(padding, "padding"), "bias": given["bias"] is not None}]


def _dense(operation: Operation) -> list[Layer]:
    shape = operation.before[0].shape
    if len(shape) != 2:
        raise Unsupported(f"a dense layer on values of shape {shape[1:]}", "Flatten them first: nn.Flatten()")
    return [
        {
            "op": "dense",
            "name": _layer_name(operation.given["weight"]),
            "in": shape[1],
            "out": operation.shape[1],
        }
    ]


def _batchnorm(operation: Operation) -> list[Layer]:
    given = operation.given
    if given["running_mean"] is None or given["training"]:
        raise Unsupported("keeps no running statistics", "Use track_running_stats=True")
    if given["weight"] is None:
        raise Unsupported("has no weight and bias", "Use affine=True")
    earlier = operation.before[0]
    if earlier.kind not in ("conv2d", "linear") or len(earlier.users) != 1:
        raise Unsupported("does not stand right after a convolution or dense layer", "Move it there; " + _LATER)
    return [{"op": "batchnorm", "name": _layer_name(given["weight"]), "channels": operation.shape[1]}]


def _maxpool(operation: Operation) -> list[Layer]:
    given = operation.given
    if given["ceil_mode"] or set(_pair(given["dilation"])) != {1}:
        raise Unsupported("pools with ceil_mode or dilation", _POOLS)
    kernel = _side(given["kernel_size"], "window")
    stride = _side(given["stride"] or [kernel], "stride")
    return [{"op": "maxpool", "kernel": kernel, "stride": stride, "padding": _side(given["padding"], "padding")}]


def _avgpool(operation: Operation) -> list[Layer]:
    given = operation.given
    if given["ceil_mode"] or given["divisor_override"] is not None or any(_pair(given["padding"])):
        raise Unsupported("averages with padding, ceil_mode or a divisor", _POOLS)
    kernel = _side(given["kernel_size"], "window")
    return [{"op": "avgpool", "kernel": kernel, "stride": _side(given["stride"] or [kernel], "stride")}]


def _adaptive(operation: Operation) -> list[Layer]:
    before, after = operation.before[0].shape[2:], operation.shape[2:]
    if set(after) == {1}:
        return [{"op": "globalavgpool"}]
    if before == after:
        return []
    if any(old % new for old, new in zip(before, after, strict=True)):
        raise Unsupported(f"averages {before} places to {after}, which does not divide", _POOLS)
    kernel = _side([old // new for old, new in zip(before, after, strict=True)], "window")
    return [{"op": "avgpool", "kernel": kernel, "stride": kernel}]


def _mean(operation: Operation) -> list[Layer]:
    places = operation.before[0].shape
    if len(places) != 4 or {axis % 4 for axis in operation.given["dim"] or []} != {2, 3}:
        raise Unsupported("is a mean over other axes than height and width", _POOLS)
    return [{"op": "globalavgpool"}, *([] if operation.given["keepdim"] else [{"op": "flatten"}])]


def _reshape(operation: Operation) -> list[Layer]:
    before, after = operation.before[0].shape, operation.shape
    if before == after:
        return []
    if after == (before[0], prod(before[1:])):
        return [{"op": "flatten"}]
    if before[:2] == after[:2] and {*before[2:], *after[2:]} == {1}:
        return []  # one place a channel, whichever way it is written
    raise Unsupported(f"turns values of shape {before[1:]} into {after[1:]}", "Flatten all values of an image")


def _pair(value: Any) -> list[int]:
    return [int(item) for item in value] if isinstance(value, list) else [int(value)]


def _side(value: Any, what: str) -> int:
    sides = set(_pair(value))
    if len(sides) != 1:
        raise Unsupported(f"{what} {tuple(value)} is not square", _LATER)
    return sides.pop()


def _layer_name(tensor: Any) -> str:
    if not isinstance(tensor, TensorName):
        raise Unsupported("computes its weights", "Keep them as parameters: no weight normalisation, no sharing")
    return tensor.name.rpartition(".")[0]


UNCHANGED = {"dropout", "feature_dropout", "alpha_dropout", "alias", "clone", "detach", "contiguous", "to", "_to_copy"}
_LAYERS: dict[str, Callable[[Operation], list[Layer]]] = {
    "conv2d": _conv,
    "linear": _dense,
    "batch_norm": _batchnorm,
    "relu": lambda operation: [{"op": "relu"}],
    "max_pool2d": _maxpool,
    "avg_pool2d": _avgpool,
    "adaptive_avg_pool2d": _adaptive,
    "mean": _mean,
    "flatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "squeeze": _reshape,
}
