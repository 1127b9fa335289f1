# SPDX-License-Identifier: Apache-2.0
"""A description's layers, resolved once for the plain and the encrypted evaluation."""

from __future__ import annotations

from typing import Any

from medquorum.core.model import catalogue, parse, resolve


def test_norms_are_folded_and_shapes_follow() -> None:
    layers = resolve(parse(catalogue.resnet18((3, 32, 32), 4)))
    assert [one.layer.op for one in layers[:3]] == ["conv", "maxpool", "relu"]
    first = layers[0]
    assert first.norm is not None and first.norm.name == "bn1"
    assert (first.held, first.after) == ((3, 32, 32), (64, 16, 16))
    assert (layers[-1].held, layers[-1].after) == ((512, 1, 1), (4,))
    assert not any(one.layer.op == "batchnorm" for one in layers)


def test_residuals_open_and_close() -> None:
    layers = resolve(parse(catalogue.resnet18((3, 32, 32), 4)))
    assert sum(one.opens for one in layers) == sum(one.closes for one in layers) == 8
    sides = [one.shortcut for one in layers if one.closes]
    assert [side and side.layer.name for side in sides[:4]] == [None, None, "layer2.0.downsample.0", None]
    side = sides[2]
    assert side is not None and side.norm is not None
    assert (side.norm.name, side.held) == ("layer2.0.downsample.1", (64, 8, 8))


def test_flatten_leaves_the_places() -> None:
    document: dict[str, Any] = catalogue.lenet((1, 28, 28), 5)
    layers = resolve(parse(document))
    flatten = next(index for index, one in enumerate(layers) if one.layer.op == "flatten")
    assert layers[flatten].after == (400,)
    assert layers[flatten + 1].held == layers[flatten].held == (16, 5, 5)
