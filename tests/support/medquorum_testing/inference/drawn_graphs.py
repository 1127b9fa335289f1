# SPDX-License-Identifier: Apache-2.0
"""Graphs of any sizes, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from medquorum_testing.inference.tiny_graphs import classes, conv, dense, fixed, graph, layer, norm, pool


def pairs(lowest, highest):
    return st.tuples(st.integers(lowest, highest), st.integers(lowest, highest))


@st.composite
def small_graphs(draw):
    """A convolution, an activation, a pooling and a sum of any sizes that fit, in one of four places."""
    groups = draw(st.sampled_from([1, 2, 4]))
    kind, scale = draw(st.sampled_from([("int16", 1 << 29), ("int32", 1 << 35)]))
    source = fixed((4, *draw(pairs(2, 6))), kind, scale)
    sizes = {name: list(draw(pairs(1, 2))) for name in ("stride", "dilation")}
    padding = list(draw(pairs(0, 1)))
    first = conv(
        "c", "input", 4, 4, draw(pairs(1, 3)), groups=groups, padding=padding, bias=draw(st.booleans()), **sizes
    )
    slope = {"slope": draw(st.integers(1, 65535))}
    activation = draw(st.sampled_from([("relu", {}), ("relu6", {}), ("leakyrelu", slope)]))
    op, beyond = draw(st.sampled_from(["maxpool", "avgpool"])), {"ceil": draw(st.booleans())}
    pooling = pool(op, "p", "r", draw(pairs(1, 3)), draw(pairs(1, 2)), padding, **beyond)
    own = norm("n", draw(st.sampled_from(["c", "p"])), 4)
    layers = [first, layer(activation[0], "r", "n" if own["from"] == ["c"] else "c", **activation[1]), pooling]
    layers.insert(1 if own["from"] == ["c"] else 3, own)
    end = "p" if own["from"] == ["c"] else "n"
    layers += [layer("add", "s", end, end), layer("concat", "k", "s", end)]
    layers += [layer("adaptiveavgpool", "g", "k", size=[1, draw(st.integers(1, 2))])]
    count = 8 * layers[-1]["size"][1]
    return graph("any", source, classes(3), [*layers, layer("flatten", "f", "g"), dense("d", "f", count, 3)])
