# SPDX-License-Identifier: Apache-2.0
"""Shapes of a described model: what each layer receives and gives, with every misfit refused."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from math import prod
from typing import NamedTuple, TypeAlias

from medquorum.core.model.description import ChainDescription, Layer, ModelDescription, PlainLayer, Residual
from medquorum.core.model.graph.shapes import check_graph, products, walk_graph
from medquorum.core.model.limits import MAX_ACTIVATIONS, MAX_PARAMETERS, MAX_PRODUCTS, MAX_WINDOWS
from medquorum.errors import ModelError

__all__ = [
    "Placed",
    "Shape",
    "check_shapes",
    "multiplications",
    "output_shape",
    "pooled",
    "walk",
]

Shape: TypeAlias = tuple[int, ...]
"""(channels, height, width), or (features,) after ``flatten`` or ``dense``."""

_REMEDY = "Correct the description's layers"


class Placed(NamedTuple):
    """A layer with the shapes it receives and gives."""

    layer: PlainLayer
    before: Shape
    after: Shape


def pooled(size: int, kernel: int, stride: int, padding: int) -> int:
    """Return the number of window positions along an axis of ``size`` places."""
    return (size + 2 * padding - kernel) // stride + 1


def check_shapes(description: ModelDescription) -> None:
    """Walk through all layers.

    Raises
    ------
    ModelError
        Shapes do not fit, a name repeats, the last layer is not dense with ``classes`` outputs, or a limit is passed.
    """
    if isinstance(description, ChainDescription):
        _check_chain(description)
    else:
        check_graph(description)


def _check_chain(description: ChainDescription) -> None:
    names: set[str] = set()
    products = parameters = 0
    shape: Shape = description.input
    if prod(shape) > MAX_ACTIVATIONS:
        raise ModelError(f"the input of shape {shape} exceeds {MAX_ACTIVATIONS} values", "Use smaller images")
    for placed in walk(description.layers, description.input):
        layer, shape = placed.layer, placed.after
        if layer.op in ("dense", "conv", "batchnorm"):
            if layer.name in names:
                raise ModelError(f"two layers are named {layer.name}", _REMEDY)
            names.add(layer.name)
        windows = _windows_values(placed)
        if windows > MAX_WINDOWS:
            raise ModelError(f"a layer's windows hold {windows} values, more than {MAX_WINDOWS}", "Use smaller images")
        products += _products(placed)
        parameters += _parameters(layer)
    if description.layers[-1].op != "dense" or shape != (description.classes,):
        raise ModelError(f"the last layer is not dense with {description.classes} outputs", _REMEDY)
    if products > MAX_PRODUCTS:
        raise ModelError(f"one image needs {products} multiplications, more than {MAX_PRODUCTS}", "Use a smaller model")
    if parameters > MAX_PARAMETERS:
        raise ModelError(f"the model has {parameters} parameters, more than {MAX_PARAMETERS}", "Use a smaller model")


def multiplications(description: ModelDescription) -> int:
    """Return the multiplications for one image."""
    if not isinstance(description, ChainDescription):
        return sum(map(products, walk_graph(description)))
    return sum(_products(placed) for placed in walk(description.layers, description.input))


def _products(placed: Placed) -> int:
    windows = _windows_values(placed)
    return windows * placed.after[0] if placed.layer.op in ("dense", "conv") else windows


def _windows_values(placed: Placed) -> int:
    """Count the values that one image's windows hold together."""
    layer = placed.layer
    if layer.op == "conv":
        return prod(placed.after[1:]) * layer.inputs * layer.kernel**2
    if layer.op in ("maxpool", "avgpool"):
        return prod(placed.after) * layer.kernel**2
    return prod(placed.before)


def _parameters(layer: PlainLayer) -> int:
    if layer.op == "conv" or layer.op == "dense":
        taps = layer.kernel**2 if layer.op == "conv" else 1
        return layer.outputs * (layer.inputs * taps + 1)
    return 4 * layer.channels if layer.op == "batchnorm" else 0


def walk(layers: Iterable[Layer], shape: Shape) -> Generator[Placed, None, Shape]:
    """Yield every plain layer with its shapes, a residual's body before its shortcut; return the last shape.

    Raises
    ------
    ModelError
        A layer does not fit the shape it receives.
    """
    previous: Layer | None = None
    for layer in layers:
        if layer.op == "residual":
            shape = yield from _walk_residual(layer, shape)
        else:
            after = output_shape(layer, shape)
            if layer.op == "batchnorm" and (previous is None or previous.op not in ("conv", "dense")):
                raise ModelError(f"{layer.name} does not stand right after a conv or dense layer", _REMEDY)
            if prod(after) > MAX_ACTIVATIONS:
                raise ModelError(f"a layer of shape {after} exceeds {MAX_ACTIVATIONS} values", "Use smaller images")
            yield Placed(layer, shape, after)
            shape = after
        previous = layer
    return shape


def _walk_residual(layer: Residual, shape: Shape) -> Generator[Placed, None, Shape]:
    ends = [item.op for item in layer.body[-2:]]
    if ends[-1] != "conv" and ends != ["conv", "batchnorm"]:
        raise ModelError("a residual body does not end in a conv with or without batchnorm", _REMEDY)
    if [item.op for item in layer.shortcut] not in ([], ["conv"], ["conv", "batchnorm"]):
        raise ModelError("a residual shortcut is neither empty nor one conv with or without batchnorm", _REMEDY)
    result = yield from walk(layer.body, shape)
    short = yield from walk(layer.shortcut, shape)
    if result != short:
        raise ModelError(f"a residual body gives {result} and its shortcut {short}", _REMEDY)
    return result


def output_shape(layer: PlainLayer, shape: Shape) -> Shape:
    """Return what a plain layer makes of a shape; ModelError when it does not fit."""
    match layer.op:
        case "flatten":
            return (prod(shape),)
        case "dense":
            _expect(shape == (layer.inputs,), layer.name, shape, f"({layer.inputs},)")
            return (layer.outputs,)
        case "conv":
            _expect(len(shape) == 3 and shape[0] == layer.inputs, layer.name, shape, f"({layer.inputs}, h, w)")
            return (layer.outputs, *_windows(shape, layer.kernel, layer.stride, layer.padding, layer.name))
        case "batchnorm":
            _expect(shape[0] == layer.channels, layer.name, shape, f"{layer.channels} channels")
            return shape
        case "relu":
            return shape
    _expect(len(shape) == 3, layer.op, shape, "(c, h, w)")
    if layer.op == "globalavgpool":
        return (shape[0], 1, 1)
    padding = layer.padding if layer.op == "maxpool" else 0
    return (shape[0], *_windows(shape, layer.kernel, layer.stride, padding, layer.op))


def _windows(shape: Shape, kernel: int, stride: int, padding: int, name: str) -> tuple[int, int]:
    if 2 * padding > kernel:
        raise ModelError(f"{name}: padding {padding} is more than half of the kernel {kernel}", _REMEDY)
    if min(shape[1:]) + 2 * padding < kernel:
        raise ModelError(f"{name}: a {kernel}x{kernel} window does not fit into {shape[1:]}", _REMEDY)
    return pooled(shape[1], kernel, stride, padding), pooled(shape[2], kernel, stride, padding)


def _expect(fits: bool, name: str, shape: Shape, wanted: str) -> None:
    if not fits:
        raise ModelError(f"{name} receives {shape} but needs {wanted}", _REMEDY)
