# SPDX-License-Identifier: Apache-2.0
"""Small descriptions that together use every layer, and random parameters for any description."""

from __future__ import annotations

import numpy as np

from medquorum.core.model import Kind, catalogue, layout, parse


def conv(name, inputs, outputs, kernel, stride=1, padding=0, bias=False):
    sizes = {"kernel": kernel, "stride": stride, "padding": padding}
    return {"op": "conv", "name": name, "in": inputs, "out": outputs, **sizes, "bias": bias}


def dense(name, inputs, outputs):
    return {"op": "dense", "name": name, "in": inputs, "out": outputs}


def norm(name, channels):
    return {"op": "batchnorm", "name": name, "channels": channels}


RELU, FLATTEN, GLOBAL = {"op": "relu"}, {"op": "flatten"}, {"op": "globalavgpool"}


def document(name, image, classes, layers):
    pixels = catalogue.pixel_table(0.5, 0.5)
    return {"name": name, "input": image, "classes": classes, "pixels": pixels, "layers": layers}


def maxpool(kernel, stride, padding=0):
    return {"op": "maxpool", "kernel": kernel, "stride": stride, "padding": padding}


def residual(body, shortcut=()):
    return {"op": "residual", "body": body, "shortcut": list(shortcut)}


TINY = {
    "dense": document("dense", [1, 3, 2], 3, [FLATTEN, dense("a", 6, 4), norm("n", 4), RELU, dense("b", 4, 3)]),
    "pools": document(
        "pools",
        [2, 7, 6],
        2,
        [
            conv("a", 2, 3, 3, padding=1, bias=True),
            RELU,
            maxpool(3, 2, 1),
            conv("b", 3, 4, 2),
            RELU,
            {"op": "avgpool", "kernel": 2, "stride": 1},
            FLATTEN,
            dense("c", 8, 2),
        ],
    ),
    "residual": document(
        "residual",
        [3, 6, 6],
        3,
        [
            conv("a", 3, 4, 5, stride=2, padding=2),
            norm("na", 4),
            RELU,
            maxpool(3, 2, 1),
            residual(
                [conv("b", 4, 4, 3, padding=1), norm("nb", 4), RELU, conv("c", 4, 4, 3, padding=1), norm("nc", 4)]
            ),
            RELU,
            residual(
                [conv("d", 4, 5, 3, 2, 1, True), norm("nd", 5), RELU, conv("e", 5, 5, 3, padding=1, bias=True)],
                [conv("s", 4, 5, 1, stride=2), norm("ns", 5)],
            ),
            RELU,
            residual([conv("f", 5, 5, 1)]),
            GLOBAL,
            FLATTEN,
            dense("g", 5, 3),
        ],
    ),
    "wide": document(
        "wide", [1, 5, 9], 2, [conv("a", 1, 2, 3, stride=2, padding=1, bias=True), GLOBAL, FLATTEN, dense("b", 2, 2)]
    ),
}


def random_tensors(description, rng, *, scale=1.0, extreme=False):
    """Draw parameters within RANGE (``extreme``: any 32-bit values, so that sums wrap)."""
    description = parse(description) if isinstance(description, dict) else description
    tensors = {}
    for name, shape, kind in layout(description):
        if extreme:
            tensors[name] = rng.integers(-(1 << 31), 1 << 31, shape)
        elif kind is Kind.SCALE:
            tensors[name] = rng.integers(1 << 14, 3 << 16, shape)
        else:
            spread = scale * 65536 / max(1, int(np.prod(shape[1:]))) ** 0.5
            tensors[name] = np.clip(rng.normal(0, spread, shape), -kind.highest, kind.highest).astype(np.int64)
    return tensors
