# SPDX-License-Identifier: Apache-2.0
"""Shapes of a graph: what each layer receives and gives, with every misfit refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from medquorum.core.model.graph.description import Fixed, GraphDescription
from medquorum.core.model.graph.layers import AvgPool, Conv, GraphLayer, MaxPool
from medquorum.core.model.limits import MAX_ACTIVATIONS, MAX_PARAMETERS, MAX_PRODUCTS, MAX_WINDOWS
from medquorum.errors import ModelError

__all__ = ["INPUT", "MAX_LIVE", "Placed", "check_graph", "last_uses", "products", "walk_graph", "windows_along"]

Shape: TypeAlias = tuple[int, ...]
INPUT = "input"
"""The name under which layers take the model's input."""
MAX_LIVE = 1 << 24
"""Values of one image that an evaluation holds at once: they bound a verifier's memory."""
_REMEDY = "Correct the description's layers"
_SMALLER = "Use smaller images, or a smaller model"


class Placed(NamedTuple):
    """A layer with the shapes it receives and gives."""

    layer: GraphLayer
    before: tuple[Shape, ...]
    after: Shape


def check_graph(description: GraphDescription) -> None:
    """Walk through all layers.

    Raises
    ------
    ModelError
        Shapes do not fit, a name repeats or is unknown, a value is not used, the last layer does not give the output's
        logits, or a limit is passed.
    """
    source = description.source
    if isinstance(source, Fixed):
        for field, numbers in (("scale", source.scale), ("offset", source.offset)):
            if len(numbers) != source.shape[0]:
                raise ModelError(f"{len(numbers)} numbers of {field} for {source.shape[0]} channels", _REMEDY)
    _bounded(description.shape, MAX_ACTIVATIONS, "values of the input")
    placed = list(walk_graph(description))
    if placed[-1].after != (description.output.logits,):
        raise ModelError(f"the last layer gives {placed[-1].after}, not {description.output.logits} logits", _REMEDY)
    uses = last_uses(description.layers)
    unused = [layer.name for layer in description.layers[:-1] if layer.name not in uses]
    if unused or INPUT not in uses:
        raise ModelError(f"no layer takes the value of {(unused or [INPUT])[0]}", _REMEDY)
    for item in placed:
        _bounded((_window_values(item),), MAX_WINDOWS, "values in a layer's windows")
    _bounded((sum(products(item) for item in placed),), MAX_PRODUCTS, "multiplications of an image")
    _bounded((sum(_parameters(item.layer) for item in placed),), MAX_PARAMETERS, "parameters")
    _bounded((_most_live(description, placed, uses),), MAX_LIVE, "values held at once")


def walk_graph(description: GraphDescription) -> Iterator[Placed]:
    """Yield every layer with its shapes.

    Raises
    ------
    ModelError
        A layer's name repeats, it takes a value that no layer before it gives, or one of another shape.
    """
    shapes: dict[str, Shape] = {INPUT: description.shape}
    for layer in description.layers:
        if layer.name in shapes:
            raise ModelError(f"two layers are named {layer.name}", _REMEDY)
        unknown = [name for name in layer.inputs if name not in shapes]
        if unknown:
            raise ModelError(f"{layer.name} takes {unknown[0]}, which no layer before it gives", _REMEDY)
        before = tuple(shapes[name] for name in layer.inputs)
        after = _output_shape(layer, before)
        _bounded(after, MAX_ACTIVATIONS, f"values of {layer.name}")
        shapes[layer.name] = after
        yield Placed(layer, before, after)


def last_uses(layers: Sequence[GraphLayer]) -> dict[str, int]:
    """Return for each value the index of the last layer that takes it."""
    return {name: index for index, layer in enumerate(layers) for name in layer.inputs}


def products(placed: Placed) -> int:
    """Return a layer's multiplications for one image."""
    layer = placed.layer
    if layer.op == "conv":
        return prod(placed.after) * layer.channels // layer.groups * prod(layer.kernel)
    if layer.op == "dense":
        return layer.features * layer.outputs
    return _window_values(placed)


def windows_along(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, *, ceil: bool = False) -> int:
    """Return the number of window positions along an axis of ``size`` places, 0 where none fits.

    With ``ceil`` one more where places are left over, if it begins before the end of the axis.
    """
    left, rest = divmod(size + 2 * padding - dilation * (kernel - 1) - 1, stride)
    more = ceil and left >= 0 and rest > 0 and (left + 1) * stride - padding < size
    return max(0, left + 1 + more)


def live_taps(size: int, start: int, kernel: int, dilation: int = 1) -> range:
    """Return the taps of the window that begins at ``start`` which lie inside an axis of ``size`` places."""
    return range(max(0, -(start // dilation)), min(kernel, -((start - size) // dilation)))


def _window_values(placed: Placed) -> int:
    layer = placed.layer
    if layer.op == "conv":
        return prod(placed.after[1:]) * layer.channels * prod(layer.kernel)
    if layer.op in ("maxpool", "avgpool"):
        return prod(placed.after) * prod(layer.kernel)
    return sum(map(prod, placed.before))


def _parameters(layer: GraphLayer) -> int:
    if layer.op == "conv":
        return layer.outputs * (layer.channels // layer.groups * prod(layer.kernel) + 1)
    if layer.op == "dense":
        return layer.outputs * (layer.features + 1)
    return 4 * layer.channels if layer.op == "batchnorm" else 0


def _most_live(description: GraphDescription, placed: Sequence[Placed], uses: Mapping[str, int]) -> int:
    sizes = {INPUT: prod(description.shape)}
    most = 0
    for index, item in enumerate(placed):
        sizes[item.layer.name] = prod(item.after)
        most = max(most, sum(sizes.values()))
        for name in set(item.layer.inputs):
            if uses[name] == index:
                del sizes[name]
    return most


def _output_shape(layer: GraphLayer, before: tuple[Shape, ...]) -> Shape:
    shape = before[0]
    match layer.op:
        case "flatten":
            return (prod(shape),)
        case "dense":
            _expect(shape == (layer.features,), layer.name, shape, f"({layer.features},)")
            return (layer.outputs,)
        case "batchnorm":
            _expect(shape[0] == layer.channels, layer.name, shape, f"{layer.channels} channels")
            return shape
        case "relu" | "relu6" | "leakyrelu":
            return shape
        case "add":
            _expect(len(set(before)) == 1, layer.name, before, "one shape")
            return shape
        case "concat":
            _expect(len({item[1:] for item in before}) == 1, layer.name, before, "equal places")
            return (sum(item[0] for item in before), *shape[1:])
    _expect(len(shape) == 3, layer.name, shape, "(c, h, w)")
    if layer.op == "adaptiveavgpool":
        _expect(all(a <= b for a, b in zip(layer.size, shape[1:], strict=True)), layer.name, shape, "no fewer places")
        return (shape[0], *layer.size)
    if layer.op != "conv":
        return (shape[0], *_places(layer, shape, (1, 1), ceil=layer.ceil))
    _expect(shape[0] == layer.channels, layer.name, shape, f"({layer.channels}, h, w)")
    if layer.channels % layer.groups or layer.outputs % layer.groups:
        raise ModelError(f"{layer.name}: {layer.groups} groups do not divide its channels", _REMEDY)
    return (layer.outputs, *_places(layer, shape, layer.dilation))


def _places(
    layer: Conv | MaxPool | AvgPool, shape: Shape, dilation: tuple[int, int], *, ceil: bool = False
) -> tuple[int, int]:
    result = []
    for size, *window in zip(shape[1:], layer.kernel, layer.stride, layer.padding, dilation, strict=True):
        kernel, stride, padding, spread = window
        if 2 * padding > spread * (kernel - 1) + 1:
            raise ModelError(f"{layer.name}: padding {padding} is more than half of the window", _REMEDY)
        places = windows_along(size, kernel, stride, padding, spread, ceil=ceil)
        if not places:
            raise ModelError(f"{layer.name}: its window does not fit into {shape[1:]}", _REMEDY)
        # A window that begins inside has its first tap there: padding is at most half of a window.
        starts = range(-padding, min(0, (places - 1) * stride - padding + 1), stride)
        if spread > 1 and not all(live_taps(size, start, kernel, spread) for start in starts):
            raise ModelError(f"{layer.name}: a window lies in the padding with all its taps", _REMEDY)
        result.append(places)
    return result[0], result[1]


def _bounded(shape: Shape, most: int, what: str) -> None:
    if prod(shape) > most:
        raise ModelError(f"{prod(shape)} {what} are more than {most}", _SMALLER)


def _expect(fits: bool, name: str, shape: object, wanted: str) -> None:
    if not fits:
        raise ModelError(f"{name} receives {shape} but needs {wanted}", _REMEDY)
