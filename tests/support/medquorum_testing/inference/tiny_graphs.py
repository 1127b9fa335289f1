# SPDX-License-Identifier: Apache-2.0
"""Small descriptions of format version 2 that together use every layer, every input and every output."""

from __future__ import annotations

from medquorum.core.model import catalogue


def layer(op, name, *before, **fields):
    return {"op": op, "name": name, "from": list(before), **fields}


def conv(name, before, inputs, outputs, kernel=(1, 1), **fields):
    sizes = {
        "kernel": list(kernel),
        "stride": [1, 1],
        "padding": [0, 0],
        "dilation": [1, 1],
        "groups": 1,
        "bias": False,
    }
    return layer("conv", name, before, **{"in": inputs, "out": outputs}, **sizes | fields)


def dense(name, before, inputs, outputs, bias=True):
    return layer("dense", name, before, **{"in": inputs, "out": outputs}, bias=bias)


def norm(name, before, channels):
    return layer("batchnorm", name, before, channels=channels)


def pool(op, name, before, kernel, stride=None, padding=(0, 0), **fields):
    sizes = {"kernel": list(kernel), "stride": list(stride or kernel), "padding": list(padding)}
    return layer(op, name, before, **sizes | fields)


def table(shape):
    return {"kind": "table", "shape": list(shape), "pixels": catalogue.pixel_table(0.5, 0.5)}


def fixed(shape, type="int32", scale=1 << 32, offset=0):
    return {
        "kind": "fixed",
        "shape": list(shape),
        "type": type,
        "scale": [scale] * shape[0],
        "offset": [offset] * shape[0],
    }


def classes(count):
    return {"kind": "classes", "count": count}


def graph(name, source, output, layers):
    return {"format": 2, "name": name, "input": source, "output": output, "layers": layers}


GRAPHS = {
    "tabular": graph(
        "tabular",
        fixed((5, 1, 1)),
        {"kind": "logit", "threshold": 100},
        [
            layer("flatten", "f", "input"),
            norm("n0", "f", 5),
            dense("a", "n0", 5, 4, bias=False),
            norm("n1", "a", 4),
            layer("leakyrelu", "r", "n1", slope=655),
            dense("b", "r", 4, 1),
        ],
    ),
    "signal": graph(
        "signal",
        fixed((2, 1, 11), "int16", 1 << 29, -70),
        classes(3),
        [
            conv("a", "input", 2, 4, (1, 3), stride=[1, 2], padding=[0, 1], bias=True),
            layer("relu", "r", "a"),
            conv("b", "r", 4, 4, (1, 3), dilation=[1, 2], padding=[0, 2], groups=2),
            norm("n", "b", 4),
            layer("add", "s", "r", "n"),
            pool("avgpool", "p", "s", (1, 3), (1, 2), (0, 1)),
            pool("maxpool", "m", "s", (1, 3), (1, 2), (0, 1)),
            layer("concat", "c", "p", "m"),
            layer("adaptiveavgpool", "g", "c", size=[1, 2]),
            layer("flatten", "f", "g"),
            dense("d", "f", 16, 3),
        ],
    ),
    "densenet": graph(
        "densenet",
        table((3, 6, 5)),
        {"kind": "labels", "thresholds": [0, -500]},
        [
            norm("n0", "input", 3),
            layer("relu6", "r0", "n0"),
            conv("c0", "r0", 3, 2, (3, 3), padding=[1, 1]),
            layer("concat", "k0", "input", "c0"),
            norm("n1", "k0", 5),
            layer("relu", "r1", "n1"),
            conv("c1", "r1", 5, 5, (3, 2), padding=[1, 1], stride=[2, 1], groups=5),
            conv("c2", "c1", 5, 4),
            norm("n2", "c2", 4),
            conv("s2", "c1", 5, 4, bias=True),
            conv("t2", "c1", 5, 4),
            layer("relu", "r2", "t2"),
            layer("add", "a", "n2", "s2", "r2", "t2"),
            layer("adaptiveavgpool", "g", "a", size=[2, 1]),
            layer("flatten", "f", "g"),
            dense("d", "f", 8, 2, bias=False),
        ],
    ),
    "ceiling": graph(
        "ceiling",
        table((2, 8, 7)),
        classes(2),
        [
            pool("avgpool", "p", "input", (2, 3), (2, 2), (0, 1), ceil=True),
            pool("maxpool", "m", "input", (3, 2), (3, 2), (1, 0), ceil=True),
            layer("flatten", "f", "p"),
            layer("flatten", "e", "m"),
            layer("concat", "c", "f", "e"),
            dense("d", "c", 2 * (4 * 4 + 3 * 4), 2),
        ],
    ),
}
