# SPDX-License-Identifier: Apache-2.0
"""One operation as layers of a graph (format version 2), or why it has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

from medquorum.clients.importer.graph import Operation, TensorName
from medquorum.clients.importer.layers import REMEDIES, UNCHANGED, Unsupported, no_remedy
from medquorum.core.model.graph.shapes import windows_along

__all__ = ["Fields", "fields_of"]

Fields: TypeAlias = dict[str, Any]
"""A layer without its place in the graph; with ``name`` where it has tensors."""

_POOLS = "Use pools without dilation, and means over whole windows"
_SLOPE = "Use a slope from 0.00002 to 0.99998"
_FLAT = "Flatten them first: nn.Flatten()"


def fields_of(operation: Operation) -> list[Fields]:
    """Return the layers of an operation, one after the other: none where it changes nothing.

    Raises
    ------
    Unsupported
        The format has no such layer.
    """
    if operation.kind in UNCHANGED:
        return []
    if operation.kind not in _LAYERS:
        remedy = REMEDIES.get(operation.kind, no_remedy())
        raise Unsupported("has no exact integer form in the model format", remedy)
    return _LAYERS[operation.kind](operation)


def _conv(operation: Operation) -> list[Fields]:
    given = operation.given
    outputs, inputs, *kernel = _tensor(given["weight"]).shape
    sizes = {name: _pair(given[name], len(kernel), 1) for name in ("stride", "dilation")}
    sides = _pair(kernel, len(kernel), 1)
    padding = given["padding"]
    if padding == "same":
        spans = [spread * (side - 1) for side, spread in zip(sides, sizes["dilation"], strict=True)]
        if any(span % 2 for span in spans):
            raise Unsupported("padding 'same' of an even kernel pads one side more", "Use an odd kernel")
        sizes["padding"] = [span // 2 for span in spans]
    else:
        sizes["padding"] = _pair(0 if padding == "valid" else padding, len(kernel), 0)
    layer = {"op": "conv", "name": _layer_name(given["weight"]), "in": inputs * given["groups"], "out": outputs}
    return [layer | {"kernel": sides, **sizes, "groups": given["groups"], "bias": given["bias"] is not None}]


def _dense(operation: Operation) -> list[Fields]:
    before, given = operation.before[0].shape, operation.given
    if len(before) != 2:
        raise Unsupported(f"a dense layer on values of shape {before[1:]}", _FLAT)
    layer = {"op": "dense", "name": _layer_name(given["weight"]), "in": before[1], "out": operation.shape[1]}
    return [layer | {"bias": given["bias"] is not None}]


def _batchnorm(operation: Operation) -> list[Fields]:
    given = operation.given
    if given["running_mean"] is None or given["training"]:
        raise Unsupported("keeps no running statistics", "Use track_running_stats=True")
    if given["weight"] is None:
        raise Unsupported("has no weight and bias", "Use affine=True")
    return [{"op": "batchnorm", "name": _layer_name(given["weight"]), "channels": operation.shape[1]}]


def _pool(operation: Operation) -> list[Fields]:
    given, axes = operation.given, len(operation.shape) - 2
    sides = _pair(given["kernel_size"], axes, 1)
    layer: Fields = {"op": "maxpool" if operation.kind.startswith("max") else "avgpool", "kernel": sides}
    layer |= {"stride": _pair(given["stride"] or given["kernel_size"], axes, 1)}
    layer |= {"padding": _pair(given["padding"], axes, 0)}
    _, *places = _three(operation.before[0].shape)
    axis = zip(places, sides, layer["stride"], layer["padding"], strict=True)
    if [windows_along(*sizes) for sizes in axis] != _three(operation.shape)[1:]:
        layer["ceil"] = True  # said only where it makes a difference; with dilation it is refused below
    zeros_left_out = any(layer["padding"]) and not given.get("count_include_pad", True)
    if zeros_left_out or given.get("divisor_override") is not None or set(_listed(given.get("dilation", 1))) != {1}:
        raise Unsupported("pools with dilation, a divisor, or leaves padded places out of a mean", _POOLS)
    return [layer]


def _adaptive_average(operation: Operation) -> list[Fields]:
    _, *before = _three(operation.before[0].shape)
    _, *after = _three(operation.shape)
    return [] if before == after else [{"op": "adaptiveavgpool", "size": after}]


def _first_result(operation: Operation) -> list[Fields]:
    """Return a maximum pooling to one place: torch gives the maxima and where they are."""
    pool = operation.before[0]
    if pool.kind not in ("adaptive_max_pool1d", "adaptive_max_pool2d") or operation.given.get("1") != 0:
        raise Unsupported("takes one of several results", no_remedy())
    _, *before = _three(pool.before[0].shape)
    if set(_three(operation.shape)[1:]) != {1}:
        raise Unsupported("takes maxima of unequal windows", "Pool to one place, or use nn.MaxPool")
    return [{"op": "maxpool", "kernel": before, "stride": before, "padding": [0, 0]}]


def _mean(operation: Operation) -> list[Fields]:
    before = operation.before[0].shape
    axes = {axis % len(before) for axis in operation.given["dim"] or []}
    if axes != set(range(2, len(before))) or len(before) < 3:
        raise Unsupported("is a mean over other axes than all places", "Use a mean over height and width")
    pooled: Fields = {"op": "adaptiveavgpool", "size": [1, 1]}
    return [pooled, *([] if operation.given["keepdim"] else [{"op": "flatten"}])]


def _reshape(operation: Operation) -> list[Fields]:
    before, after = operation.before[0].shape, operation.shape
    if before[0] == after[0] and _three(before) == _three(after) and (len(before) == 2) == (len(after) == 2):
        return []  # the same places, whichever way they are written
    if after == (before[0], prod(before[1:])):
        return [{"op": "flatten"}]
    raise Unsupported(f"turns values of shape {before[1:]} into {after[1:]}", "Flatten all values of a case")


def _hardtanh(operation: Operation) -> list[Fields]:
    bounds = operation.given.get("min_val"), operation.given.get("max_val")
    if operation.kind == "hardtanh" and bounds != (0, 6):
        raise Unsupported(f"cuts values at {bounds}", "Replace it by ReLU6, and fine-tune")
    return [{"op": "relu6"}]


def _leaky(operation: Operation) -> list[Fields]:
    slope = round(operation.given["negative_slope"] * (1 << 16))
    if not 0 < slope < 1 << 16:
        raise Unsupported(f"has the slope {operation.given['negative_slope']}", _SLOPE)
    return [{"op": "leakyrelu", "slope": slope}]


def _add(operation: Operation) -> list[Fields]:
    if len(operation.before) != 2 or operation.given.get("alpha") != 1:
        raise Unsupported("adds something that is no value of a layer", "Add values of one shape, unscaled")
    if operation.before[0].shape != operation.before[1].shape:
        raise Unsupported("adds values of two shapes", "Add values of one shape")
    return [{"op": "add"}]


def _concat(operation: Operation) -> list[Fields]:
    axis = operation.given.get("dim", 0) % len(operation.shape)
    if axis != 1 or len(operation.before) != len(operation.given["tensors"]):
        raise Unsupported("joins values along another axis than the channels", "Use torch.cat(..., dim=1)")
    return [{"op": "concat"}] if len(operation.before) > 1 else []


def _three(shape: Sequence[int]) -> list[int]:
    """Return channels, height, width of a batch's shape, whichever axes it has."""
    if len(shape) == 3:
        return [shape[1], 1, shape[2]]
    return [*shape[1:], 1, 1][:3] if len(shape) < 4 else list(shape[1:])


def _pair(value: Any, axes: int, least: int) -> list[int]:
    """Return a size along height and width; of one axis the height's is ``least``."""
    sides = _listed(value)
    sides = sides * axes if len(sides) == 1 else sides
    return [least, *sides] if axes == 1 else sides


def _listed(value: Any) -> list[int]:
    return [int(item) for item in value] if isinstance(value, list | tuple) else [int(value)]


def _tensor(value: Any) -> TensorName:
    if not isinstance(value, TensorName):
        raise Unsupported("computes its weights", "Keep them as parameters: no weight normalisation, no sharing")
    return value


def _layer_name(value: Any) -> str:
    name = _tensor(value).name.rpartition(".")[0]
    if not name:
        raise Unsupported("is the whole module, and has no name", "Put it into another one: nn.Sequential(...)")
    return name


_LAYERS: dict[str, Callable[[Operation], list[Fields]]] = {
    "conv1d": _conv,
    "conv2d": _conv,
    "linear": _dense,
    "batch_norm": _batchnorm,
    "relu": lambda operation: [{"op": "relu"}],
    "relu6": _hardtanh,
    "hardtanh": _hardtanh,
    "leaky_relu": _leaky,
    "max_pool1d": _pool,
    "max_pool2d": _pool,
    "avg_pool1d": _pool,
    "avg_pool2d": _pool,
    "adaptive_avg_pool1d": _adaptive_average,
    "adaptive_avg_pool2d": _adaptive_average,
    "adaptive_max_pool1d": lambda operation: [],  # the layer is that of its first result
    "adaptive_max_pool2d": lambda operation: [],
    "getitem": _first_result,
    "mean": _mean,
    "flatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "squeeze": _reshape,
    "add": _add,
    "cat": _concat,
}
