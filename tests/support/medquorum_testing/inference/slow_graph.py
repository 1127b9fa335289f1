# SPDX-License-Identifier: Apache-2.0
"""The graphs of docs/reference/evaluation.md a second time, in Python integers and plain loops.

As ``slow_inference``, nothing of the package under test is imported. Values are nested lists (c, h, w) or (features,).
"""

from __future__ import annotations

from itertools import product

from medquorum_testing.inference.slow_inference import F, SlowModel, each, flat, signed, truncated


class SlowGraph(SlowModel):
    """A model p (or w) of a description document of format version 2."""

    def trace(self, image):
        """Yield (name, nested list) after each step for an input, a nested list (h, w) or (h, w, c)."""
        layers = self.document["layers"]
        takers = [name for layer in layers for name in layer["from"]]
        by_name = {layer["name"]: layer for layer in layers}
        follower = {name: layer for layer in layers for name in layer["from"] if takers.count(name) == 1}
        values, sums = {"input": self._numbers(image)}, {}
        for layer in layers:
            name, op, before = layer["name"], layer["op"], layer["from"]
            if op == "batchnorm" and before[0] in sums:
                inner = by_name[before[0]]
                del sums[before[0]]
                total = self._graph_sum(inner, layer, values[inner["from"][0]])
            elif op == "batchnorm":
                total = self._own_norm(layer, values[before[0]])
            elif op in ("conv", "dense"):
                total = self._graph_sum(layer, None, values[before[0]])
            elif op == "add":
                parts = [sums[item] if item in sums else self._shifted(values[item]) for item in before]
                total = each_of(parts, lambda *terms: signed(sum(terms), 64))
            else:
                values[name] = getattr(self, f"_{op}")(layer, *(values[item] for item in before))
                yield name, values[name]
                continue
            heir = follower.get(name, {"op": ""})["op"]
            folds = op in ("conv", "dense") and heir == "batchnorm"
            joins = heir == "add" and (op in ("conv", "dense") or (op == "batchnorm" and before[0] not in values))
            if folds or joins:
                sums[name] = total
                continue
            values[name] = each(total, lambda v: signed(truncated(v, F + self.k), self.w))
            yield name, values[name]

    def _numbers(self, image):
        source = self.document["input"]
        c, h, w = source["shape"]

        def number(channel, i, j):
            value = image[i][j]
            if isinstance(value, list):
                value = value[channel if len(value) > 1 else 0]
            if source["kind"] == "table":
                return source["pixels"][value]
            shift = 16 if source["type"] == "int16" else 32
            return truncated(value * source["scale"][channel], shift) + source["offset"][channel]

        return [[[number(channel, i, j) for j in range(w)] for i in range(h)] for channel in range(c)]

    def _shifted(self, x):
        return each(x, lambda v: v << (F + self.k))

    def _graph_sum(self, layer, norm, x):
        weights, bias = self._affine({**layer, "op": "conv"}, norm)
        if layer["op"] == "dense":
            rows = zip(weights, bias, strict=True)
            return [signed(b + sum(v * u for v, u in zip(x, row, strict=True)), 64) for row, b in rows]
        sizes = list(zip(layer["kernel"], layer["stride"], layer["padding"], layer["dilation"], strict=True))
        height, width = len(x[0]), len(x[0][0])
        places = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1 for size, (k, s, p, d) in zip((height, width), sizes, strict=True)
        ]
        own, per_group = layer["in"] // layer["groups"], layer["out"] // layer["groups"]
        (kh, sh, ph, dh), (kw, sw, pw, dw) = sizes
        result = []
        for output, (taps, b) in enumerate(zip(weights, bias, strict=True)):
            first = output // per_group * own
            plane = [[b] * places[1] for _ in range(places[0])]
            for i, j, channel, a, e in product(*map(range, (*places, own, kh, kw))):
                row, column = i * sh - ph + a * dh, j * sw - pw + e * dw
                if 0 <= row < height and 0 <= column < width:
                    plane[i][j] += x[first + channel][row][column] * taps[channel][a][e]
            result.append(each(plane, lambda v: signed(v, 64)))
        return result

    def _own_norm(self, norm, x):
        name = norm["name"]
        gamma, beta = self._mixed(f"{name}.weight"), self._mixed(f"{name}.bias")
        rows = zip(x, gamma, beta, self.update[f"{name}.scale"], self.update[f"{name}.mean"], strict=True)
        result = []
        for plane, g, b, scale, mean in rows:
            gain = truncated(g * scale, F + self.k)
            offset = gain * -(mean << self.k) + (b << F)
            result.append(each(plane, lambda v, gain=gain, offset=offset: signed((v * gain << self.k) + offset, 64)))
        return result

    def _relu(self, layer, x):
        return each(x, lambda v: max(v, 0))

    def _relu6(self, layer, x):
        return each(x, lambda v: min(max(v, 0), 6 << F))

    def _leakyrelu(self, layer, x):
        return each(x, lambda v: v if v >= 0 else truncated(v * layer["slope"], F))

    def _flatten(self, layer, x):
        return list(flat(x))

    def _concat(self, layer, *parts):
        return [plane for part in parts for plane in part]

    def _maxpool(self, layer, x):
        (kh, kw), (sh, sw), (ph, pw) = layer["kernel"], layer["stride"], layer["padding"]
        ceil = layer.get("ceil", False)
        rows = [[self._line(row, kw, sw, pw, ceil) for row in plane] for plane in x]
        columns = [
            [self._line(list(column), kh, sh, ph, ceil) for column in zip(*plane, strict=True)] for plane in rows
        ]
        return [[list(row) for row in zip(*plane, strict=True)] for plane in columns]

    def _avgpool(self, layer, x):
        (kh, kw), (sh, sw), (ph, pw) = layer["kernel"], layer["stride"], layer["padding"]
        sizes = (len(x[0]), kh, sh, ph), (len(x[0][0]), kw, sw, pw)
        return self._means(x, *(self._windows(*axis, layer.get("ceil", False)) for axis in sizes))

    def _adaptiveavgpool(self, layer, x):
        windows = [
            [range(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
            for size, count in zip((len(x[0]), len(x[0][0])), layer["size"], strict=True)
        ]
        return self._means(x, *windows)

    def _means(self, x, rows, columns):
        def mean(plane, row, column):
            area = len(row) * len(column)
            inside = [i for i in row if 0 <= i < len(plane)], [j for j in column if 0 <= j < len(plane[0])]
            total = sum(plane[i][j] for i, j in product(*inside))
            return signed(truncated(total * (((2 << F) + area) // (2 * area)), F), self.w)

        return [[[mean(plane, row, column) for column in columns] for row in rows] for plane in x]


def each_of(parts, function):
    if isinstance(parts[0], list):
        return [each_of(items, function) for items in zip(*parts, strict=True)]
    return function(*parts)
