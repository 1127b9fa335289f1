# SPDX-License-Identifier: Apache-2.0
"""docs/reference/evaluation.md a second time, in Python integers and plain loops: the oracle of the fast evaluation.

Nothing of the package under test is imported. Values are nested lists (c, h, w), one image at a time.
"""

from __future__ import annotations

from itertools import product

F = 16


def signed(x, bits):
    x %= 1 << bits
    return x - (1 << bits) if x >> (bits - 1) else x


def truncated(x, shift):
    return signed(x + (1 << (shift - 1)), 64) >> shift


class SlowModel:
    """A model p (or w, without update) of a description document; tensors are anything with ``tolist``."""

    def __init__(self, document, base, update=None, numerator=0, bits=0):
        self.k = 0 if update is None else bits
        self.w = min(32, 64 - F - self.k)
        self.document = document
        self.base = {name: values.tolist() for name, values in base.items()}
        self.update = self.base if update is None else {name: values.tolist() for name, values in update.items()}
        self.factors = (0, 1) if update is None else (numerator, (1 << bits) - numerator)

    def trace(self, image):
        """Yield (name, nested list) after each step for an image, a nested list (h, w) or (h, w, c) of pixels."""
        c, h, w = self.document["input"]
        table = self.document["pixels"]

        def pixel(channel, i, j):
            value = image[i][j]
            if isinstance(value, list):
                value = value[channel if len(value) > 1 else 0]
            return table[value]

        x = [[[pixel(channel, i, j) for j in range(w)] for i in range(h)] for channel in range(c)]
        self.count = 0
        yield from self._path(self.document["layers"], x)

    def _path(self, layers, x, shortcut=None):
        entry = x
        layers = pools_first(layers)
        for index, layer in enumerate(layers):
            if layer["op"] == "residual":
                x = yield from self._path(layer["body"], x, layer["shortcut"])
                continue
            if layer["op"] == "batchnorm":
                continue
            name = layer.get("name", f"{layer['op']}{self.count}")
            if layer["op"] in ("conv", "dense"):
                norm = next((item for item in layers[index + 1 : index + 2] if item["op"] == "batchnorm"), None)
                total = self._sum(layer, norm, x)
                if shortcut is not None and index + (2 if norm else 1) == len(layers):
                    total = added(total, self._shortcut(shortcut, entry))
                x = each(total, lambda v: signed(truncated(v, F + self.k), self.w))
            else:
                x = getattr(self, layer["op"])(layer, x)
            self.count += 1
            yield name, x
        return x

    def _shortcut(self, shortcut, entry):
        if not shortcut:
            return each(entry, lambda v: v << (F + self.k))
        return self._sum(shortcut[0], shortcut[1] if len(shortcut) > 1 else None, entry)

    def _sum(self, layer, norm, x):
        """Return Σ x·w + bias modulo 2^64 with 2f + k fraction bits."""
        weights, bias = self._affine(layer, norm)
        if layer["op"] == "dense":
            return [
                signed(b + sum(v * u for v, u in zip(x, row, strict=True)), 64)
                for row, b in zip(weights, bias, strict=True)
            ]
        kernel, stride, padding = layer["kernel"], layer["stride"], layer["padding"]
        height, width = len(x[0]), len(x[0][0])
        places = [(size + 2 * padding - kernel) // stride + 1 for size in (height, width)]
        result = []
        for taps, b in zip(weights, bias, strict=True):
            plane = [[b] * places[1] for _ in range(places[0])]
            for i, j, channel, a, e in product(*map(range, (*places, len(x), kernel, kernel))):
                row, column = i * stride - padding + a, j * stride - padding + e
                if 0 <= row < height and 0 <= column < width:
                    plane[i][j] += x[channel][row][column] * taps[channel][a][e]
            result.append(each(plane, lambda v: signed(v, 64)))
        return result

    def _affine(self, layer, norm):
        weights = self._mixed(f"{layer['name']}.weight")
        bias = [0] * len(weights)
        if layer["op"] == "dense" or layer["bias"]:
            bias = self._mixed(f"{layer['name']}.bias")
        if norm is None:
            return weights, [b << F for b in bias]
        scale, mean = self.update[f"{norm['name']}.scale"], self.update[f"{norm['name']}.mean"]
        gamma, beta = self._mixed(f"{norm['name']}.weight"), self._mixed(f"{norm['name']}.bias")
        gain = [truncated(g * s, F + self.k) for g, s in zip(gamma, scale, strict=True)]
        folded = [each(row, lambda v, g=g: truncated(v * g, F)) for row, g in zip(weights, gain, strict=True)]
        rows = zip(gain, bias, mean, beta, strict=True)
        return folded, [signed(g * (b - (m << self.k)) + (t << F), 64) for g, b, m, t in rows]

    def _mixed(self, name):
        own, other = self.factors
        return both(self.base[name], self.update[name], lambda w, r: own * w + other * r)

    def relu(self, layer, x):
        return each(x, lambda v: max(v, 0))

    def flatten(self, layer, x):
        return list(flat(x))

    def maxpool(self, layer, x):
        sizes = layer["kernel"], layer["stride"], layer["padding"]
        rows = [[self._line(row, *sizes) for row in plane] for plane in x]
        return [transposed([self._line(column, *sizes) for column in transposed(plane)]) for plane in rows]

    def _line(self, values, kernel, stride, padding, ceil=False):
        result = []
        for place in self._windows(len(values), kernel, stride, padding, ceil):
            start = place.start
            window = values[max(start, 0) : start + kernel]
            best = window[0]
            for value in window[1:]:
                best = best if signed(best - value, self.w) >= 0 else value
            result.append(best)
        return result

    def _windows(self, size, kernel, stride, padding, ceil=False):
        """Return the places of each window, those of the padding too; what ceil adds beyond it is none."""
        starts = range(-padding, size + padding, stride)
        if ceil:
            kept = [start for start in starts if start < size and start - stride + kernel < size + padding]
        else:
            kept = [start for start in starts if start + kernel <= size + padding]
        return [range(start, min(start + kernel, size + padding)) for start in kept]

    def avgpool(self, layer, x):
        return self._average(x, layer["kernel"], layer["kernel"], layer["stride"])

    def globalavgpool(self, layer, x):
        return self._average(x, len(x[0]), len(x[0][0]), 1)

    def _average(self, x, rows, columns, stride):
        factor = (2 * (1 << F) + rows * columns) // (2 * rows * columns)

        def mean(plane, i, j):
            total = sum(plane[i * stride + a][j * stride + e] for a in range(rows) for e in range(columns))
            return signed(truncated(total * factor, F), self.w)

        places = (len(x[0]) - rows) // stride + 1, (len(x[0][0]) - columns) // stride + 1
        return [[[mean(plane, i, j) for j in range(places[1])] for i in range(places[0])] for plane in x]


class SlowScaledModel(SlowModel):
    """A model whose tensors all have ``bits`` more fraction bits than 16, batch normalisation's statistics too."""

    def __init__(self, document, tensors, bits):
        super().__init__(document, tensors, tensors, 0, bits)

    def _mixed(self, name):
        return self.base[name]

    def _affine(self, layer, norm):
        if norm is None:
            return super()._affine(layer, norm)
        weights = self._mixed(f"{layer['name']}.weight")
        bias = self._mixed(f"{layer['name']}.bias") if layer["op"] == "dense" or layer["bias"] else [0] * len(weights)
        gamma, beta, mean, scale = (self.base[f"{norm['name']}.{part}"] for part in ("weight", "bias", "mean", "scale"))
        gain = [truncated(g * s, F + 2 * self.k) for g, s in zip(gamma, scale, strict=True)]
        folded = [each(row, lambda v, g=g: truncated(v * g, F)) for row, g in zip(weights, gain, strict=True)]
        rows = zip(gain, bias, mean, beta, strict=True)
        return folded, [signed(g * (b - m) + (t << F), 64) for g, b, m, t in rows]


def pools_first(layers):
    layers = list(layers)
    for i in range(len(layers) - 1):
        if layers[i]["op"] == "relu" and layers[i + 1]["op"] == "maxpool":
            layers[i], layers[i + 1] = layers[i + 1], layers[i]
    return layers


def each(values, function):
    return [each(v, function) for v in values] if isinstance(values, list) else function(values)


def both(left, right, function):
    if isinstance(left, list):
        return [both(a, b, function) for a, b in zip(left, right, strict=True)]
    return function(left, right)


def added(left, right):
    return both(left, right, lambda a, b: signed(a + b, 64))


def flat(values):
    for value in values:
        if isinstance(value, list):
            yield from flat(value)
        else:
            yield value


def transposed(rows):
    return [list(column) for column in zip(*rows, strict=True)]
