# SPDX-License-Identifier: Apache-2.0
"""Write the JSON vectors: ``python tests/vectors/generate.py``.

Values come from ``medquorum_testing.inference.slow_inference`` and Python integers, not from the code under test.
"""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from math import floor
from pathlib import Path

import numpy as np

from medquorum_testing.inference import tiny_graphs
from medquorum_testing.inference.slow_graph import SlowGraph
from medquorum_testing.inference.slow_inference import SlowModel, flat
from medquorum_testing.inference.tiny_models import TINY, conv, document, maxpool, norm, random_tensors, residual

FOLDER = Path(__file__).parent


def write(name, content):
    (FOLDER / f"{name}.json").write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n")


def shape_of(values):
    return [len(values), *shape_of(values[0])] if isinstance(values, list) else []


def nested(tensors):
    return {name: values.tolist() for name, values in tensors.items()}


def traced(slow, model, base, update, numerator, bits, image):
    steps = [
        {"name": step, "shape": shape_of(values), "values": list(flat(values))}
        for step, values in slow(model, base, update, numerator, bits).trace(image)
    ]
    return {
        "description": model,
        "base": nested(base),
        "update": nested(update),
        "lambda_numerator": numerator,
        "lambda_bits": bits,
        "image": image,
        "steps": steps,
    }


def evaluation(name, *, numerator, bits, scale, extreme, seed):
    rng = np.random.default_rng(seed)
    model = TINY[name]
    base, update = (random_tensors(model, rng, scale=scale, extreme=extreme) for _ in range(2))
    channels, height, width = model["input"]
    image = rng.integers(0, 256, (height, width) if seed % 2 or channels == 1 else (height, width, channels)).tolist()
    return traced(SlowModel, model, base, update, numerator, bits, image)


def graph_evaluation(name, *, numerator, bits, extreme, seed):
    rng = np.random.default_rng(seed)
    model = tiny_graphs.GRAPHS[name]
    base, update = (random_tensors(model, rng, extreme=extreme) for _ in range(2))
    source = model["input"]
    channels, height, width = source["shape"]
    highest = 256 if source["kind"] == "table" else 1 << (7 if source["type"] == "int16" else 20)
    lowest = 0 if source["kind"] == "table" else -highest
    image = rng.integers(lowest, highest, (height, width, channels)).tolist()
    return traced(SlowGraph, model, base, update, numerator, bits, image)


def too_large():
    """Descriptions with too many parameters, and with too many values held at once."""
    wide = [tiny_graphs.layer("flatten", "f", "input"), tiny_graphs.dense("a", "f", 65536, 60000)]
    wide += [tiny_graphs.dense("b", "a", 60000, 2)]
    deep = [tiny_graphs.conv("c0", "input", 1, 64)]
    deep += [tiny_graphs.layer("relu", f"r{index}", "c0") for index in range(20)]
    deep += [tiny_graphs.layer("add", "s", *(f"r{index}" for index in range(20)))]
    deep += [tiny_graphs.layer("adaptiveavgpool", "g", "s", size=[1, 1]), tiny_graphs.layer("flatten", "f", "g")]
    deep += [tiny_graphs.dense("d", "f", 64, 2)]
    output = {"kind": "classes", "count": 2}
    return [
        {"cause": cause, "description": tiny_graphs.graph(name, tiny_graphs.table((1, side, side)), output, layers)}
        for cause, name, side, layers in (("parameters", "wide", 256, wide), ("held at once", "deep", 128, deep))
    ]


def bad_graphs():
    """Descriptions of format version 2 that must be refused, with a word of the cause."""
    cases = []

    def case(word, change, name="signal"):
        model = copy.deepcopy(tiny_graphs.GRAPHS[name])
        change(model)
        cases.append({"cause": word, "description": model})

    def at(index, **fields):
        return lambda m: m["layers"][index].update(fields)

    case("format", lambda m: m.update(format=3))
    case("format", lambda m: m.update(format="2"))
    case("Extra inputs", lambda m: m.update(classes=3))
    case("output", lambda m: m.pop("output"))
    case("output", lambda m: m.update(output={"kind": "picture"}))
    case("output", lambda m: m.update(output={"kind": "classes", "count": 1}))
    case("thresholds", lambda m: m.update(output={"kind": "labels", "thresholds": [1]}))
    case("thresholds", lambda m: m.update(output={"kind": "labels", "thresholds": [0] * 129}))
    case("type", lambda m: m["input"].update(type="float32"))
    case("scale", lambda m: m["input"]["scale"].append(1))
    case("offset", lambda m: m["input"]["offset"].pop())
    case("scale", lambda m: m["input"].update(scale=[1 << 43] * 2))
    case("not plain JSON", lambda m: m["input"].update(scale=[1.5, 1.5]))
    case("shape", lambda m: m["input"].update(shape=[2, 11]))
    case("pixels", lambda m: m["input"].pop("pixels"), "densenet")
    case("which no layer before it gives", at(1, **{"from": ["b"]}))
    case("which no layer before it gives", at(1, **{"from": ["r"]}))
    case("two layers are named", at(1, name="a"))
    case("two layers are named", at(0, name="input"))
    case("name", at(0, name="a/b"))
    case("from", lambda m: m["layers"][1].pop("from"))
    case("from", at(1, **{"from": ["a", "input"]}))
    case("from", at(4, **{"from": ["r"]}))
    case("no layer takes the value of z", lambda m: m["layers"].insert(1, tiny_graphs.layer("relu", "z", "a")))
    case("receives", at(0, **{"in": 3}))
    case("groups", at(2, groups=3))
    case("groups", at(2, groups=0))
    case("kernel", at(0, kernel=[3]))
    case("kernel", at(0, kernel=3))
    case("dilation", at(0, dilation=[0, 1]))
    case("does not fit", at(0, kernel=[2, 3]))
    case("half of the window", at(0, padding=[0, 2]))
    case("lies in the padding", at(2, kernel=[1, 2], dilation=[1, 10], padding=[0, 5]))
    case("one shape", at(4, **{"from": ["r", "input"]}))
    case("equal places", at(7, **{"from": ["p", "s"]}))
    case("no fewer places", at(8, size=[2, 2]))
    case("gives (3,), not 4 logits", lambda m: m.update(output={"kind": "classes", "count": 4}))
    case("gives (3,), not 1 logits", lambda m: m.update(output={"kind": "logit", "threshold": 0}))
    case("slope", at(4, slope=0), "tabular")
    case("slope", at(4, slope=1 << 16), "tabular")
    case("layers", lambda m: m.update(layers=[]))
    case("layers", lambda m: m["layers"].insert(0, {"op": "sigmoid", "name": "z", "from": ["input"]}))
    case("values of the input", lambda m: m["input"].update(shape=[2, 4096, 4096]))
    return cases + too_large()


def model_format():
    rng = np.random.default_rng(7)
    model = TINY["dense"]
    tensors = random_tensors(model, rng)
    rows = [
        ["a.weight", [4, 6], "weight"],
        ["a.bias", [4], "weight"],
        ["n.weight", [4], "gamma"],
        ["n.bias", [4], "beta"],
        ["n.mean", [4], "mean"],
        ["n.scale", [4], "scale"],
        ["b.weight", [3, 4], "weight"],
        ["b.bias", [3], "weight"],
    ]
    packed = b"".join(
        value.to_bytes(4, "little", signed=True) for name, _, _ in rows for value in flat(tensors[name].tolist())
    )
    layout = sha256(b"medquorum layout v1" + json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
    chunk = sha256(packed).hexdigest()
    model_hash = sha256(b"medquorum model v1" + bytes.fromhex(layout) + bytes.fromhex(chunk)).hexdigest()
    return {
        "description": model,
        "tensors": nested(tensors),
        "layout": rows,
        "layout_hash": layout,
        "packed": packed.hex(),
        "chunks": [chunk],
        "model_hash": model_hash,
        "bad_packed": [packed[:-1].hex(), (packed + b"\0").hex(), "", packed[:-4].hex()],
    }


def bad_descriptions():
    """Descriptions that must be refused, with a word of the cause."""
    cases = []

    def case(word, change, name="residual"):
        model = copy.deepcopy(TINY[name])
        change(model)
        cases.append({"cause": word, "description": model})

    case("classes", lambda m: m.pop("classes"))
    case("Extra inputs", lambda m: m.update(epochs=3))
    case("integer", lambda m: m.update(classes="3"))
    case("integer", lambda m: m.update(classes=True))
    case("not plain JSON", lambda m: m.update(classes=3.0))
    case("pixels", lambda m: m["pixels"].pop())
    case("pixels", lambda m: m["pixels"].__setitem__(0, 1 << 40))
    case("input", lambda m: m.update(input=[3, 6]))
    case("greater than or equal to 1", lambda m: m.update(input=[3, 0, 6]))
    case("layers", lambda m: m.update(layers=[]))
    case("layers", lambda m: m.update(layers=[{"op": "relu"}] * 300))
    case("does not match any of the expected tags", lambda m: m["layers"].insert(0, {"op": "softmax"}))
    case("Unable to extract tag", lambda m: m["layers"].insert(0, {"kernel": 3}))
    case("two layers are named", lambda m: m["layers"].insert(1, conv("a", 4, 4, 1)))
    case("receives", lambda m: m["layers"].insert(0, conv("z", 4, 3, 1)))
    case("last layer is not dense", lambda m: m["layers"].append({"op": "relu"}))
    case("last layer is not dense with 4", lambda m: m.update(classes=4))
    case("right after", lambda m: m["layers"].insert(0, norm("z", 3)))
    case("right after", lambda m: m["layers"].insert(3, norm("z", 4)))
    case("body does not end", lambda m: m["layers"].insert(5, residual([{"op": "relu"}])))
    case("shortcut is neither", lambda m: m["layers"].insert(5, residual([conv("z", 4, 4, 1)], [{"op": "relu"}])))
    case("body gives", lambda m: m["layers"].insert(5, residual([conv("z", 4, 5, 1)])))
    case("layers", lambda m: m["layers"].insert(5, residual([residual([conv("z", 4, 4, 1)])])))
    case("half of the kernel", lambda m: m["layers"].__setitem__(3, maxpool(2, 1, 2)))
    case("does not fit", lambda m: m["layers"].__setitem__(3, maxpool(9, 1)))
    case("kernel", lambda m: m["layers"].__setitem__(3, maxpool(0, 1)))
    case("name", lambda m: m["layers"][0].update(name="a/b"))
    case("exceeds", lambda m: m.update(input=[3, 60000, 60000]))
    big = [conv("a", 1, 1024, 3, padding=1), conv("b", 1024, 1024, 3, padding=1), {"op": "globalavgpool"}]
    end = [{"op": "flatten"}, {"op": "dense", "name": "c", "in": 1024, "out": 2}]
    cases.append({"cause": "multiplications", "description": document("big", [1, 48, 48], 2, big + end)})
    cases.append({"cause": "windows", "description": document("big", [1, 64, 64], 2, big + end)})
    cases.append({"cause": "input", "description": document("big", [1, 4096, 4096], 2, big + end)})
    wide = [{"op": "flatten"}, {"op": "dense", "name": "c", "in": 65536, "out": 60000}]
    wide += [{"op": "dense", "name": "d", "in": 60000, "out": 2}]
    cases.append({"cause": "parameters", "description": document("wide", [1, 256, 256], 2, wide)})
    cases += [{"cause": "model description", "description": item} for item in ([], None, "mlp", 3, {})]
    return cases


def aggregates():
    """Pin w' with exact fractions."""
    rng = np.random.default_rng(9)
    cases = []
    for bits, numerator, count in [(0, 0, 1), (0, 1, 3), (1, 1, 7), (3, 5, 2), (8, 255, 10), (8, 0, 65536)]:
        base = rng.integers(-(1 << 31), 1 << 31, 12).tolist()
        mean = rng.integers(-(1 << 31), 1 << 31, 12).tolist()
        sums = [value * count + int(rng.integers(0, count)) for value in mean[:-1]] + [((1 << 31) - 1) * count]
        share = Fraction(numerator, 1 << bits)
        mixed = [
            floor(share * w + (1 - share) * Fraction(s, count) + Fraction(1, 2))
            for w, s in zip(base, sums, strict=True)
        ]
        means = [floor(Fraction(s, count) + Fraction(1, 2)) for s in sums]
        case = {"lambda_numerator": numerator, "lambda_bits": bits, "count": count, "base": base, "sums": sums}
        cases.append(case | {"mixed": mixed, "mean": means})
    return cases


def root_of_power(root, exponent):
    """Return the largest x with x^root <= 2^exponent, by bisection."""
    low, high = 0, 1 << (exponent // root + 1)
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**root <= 1 << exponent else (low, middle)
    return low


def choice(levels, full, minimum, losses, cosines, ratios):
    """Follow the rule's choice by hand: the models it asks for, in order of the losses given, and what it takes."""
    order = sorted(levels, key=lambda name: (-levels[name][1], name))
    middle = sorted(norm for norm, _ in levels.values())[(len(levels) - 1) // 2]
    worth = {name: cosines[cosine] * ratios[str(min(middle - norm, 8))] for name, (norm, cosine) in levels.items()}

    def weighed(names, total):
        names = sorted(names)
        running = [sum(worth[name] for name in names[:upto]) for upto in range(len(names) + 1)]
        floors = [total * part // running[-1] for part in running]
        return {name: after - before for name, (before, after) in zip(names, pairwise(floors), strict=True)}

    count, longest = len(order), min(2 * full, 256)
    tried = [length for length in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) if length < count] + [count]
    tried = [length for length in tried if length >= minimum][-5:]
    asked = [{}, *(weighed(order[:length], longest) for length in tried)]
    gains = [losses[0] - loss for loss in losses[1 : len(asked)]]
    if max(gains) > 0:
        place = max(at for at, gain in enumerate(gains) if 2 * gain >= max(gains))
        further = [(order[: tried[place]], longest // 2**halving) for halving in (1, 2, 3)]
    else:
        place = max(at for at, gain in enumerate(gains) if gain == max(gains))
        rest = order[1 : 1 + tried[place]]
        further = [(order[: tried[place]], longest // 4), (rest, longest), (rest, longest // 4)]
    candidates = [(gains[place], asked[1 + place])]
    for names, total in further:
        if total and len(names) >= max(minimum, 1):
            asked.append(weighed(names, total))
            candidates.append((losses[0] - losses[len(asked) - 1], asked[-1]))
    best = max(gain for gain, _ in candidates)
    taken = next(weights for gain, weights in candidates if gain == best) if best > 0 else {}
    return {
        "levels": levels,
        "full": full,
        "minimum": minimum,
        "losses": losses[: len(asked)],
        "asked": [sorted(weights.items()) for weights in asked],
        "chosen": {name: taken.get(name, 0) for name in sorted(levels)},
    }


def choices(cosines, ratios):
    """Pin the choice for rounds in which means gain, in which the longest step does not, and in which nothing does."""
    rng, cases = np.random.default_rng(140), []
    for count, full, minimum in [(10, 128, 1), (10, 128, 5), (4, 256, 1), (3, 3, 1), (30, 64, 3), (1, 128, 1)]:
        for first, later in [(0, 0), (100, 0), (100, 100)]:
            levels = {
                f"H{number:02}": [int(rng.integers(40, 60)), int(rng.integers(10, 26))] for number in range(count)
            }
            losses = [100] + [first + int(loss) for loss in rng.integers(0, 99, 5)]
            losses += [later + int(loss) for loss in rng.integers(0, 99, 3)]
            if len(levels) < 5:  # fewer lengths are tried, and the losses are given in the order of asking
                losses = [100, *losses[1 : 1 + count], *losses[6:]]
            cases.append(choice(levels, full, minimum, losses, cosines, ratios))
    return cases


def drops():
    """Pin who is left out, by what the loss gains without each one, and without the two last together."""
    rng, cases = np.random.default_rng(35), []
    for count, most, apart, keep in [(10, 4, 3500, 850), (10, 4, 500, 980), (3, 4, 3500, 850), (30, 3, 3500, 990)]:
        for harm in (0, 150, 900):
            gains = [int(gain) for gain in rng.integers(-60, 60, count)]
            gains[-2:], together = [gains[-2] + harm, gains[-1] + harm // 3], 2 * harm
            whole, half = 4000, min(most, (count - 1) // 2)
            losses = np.array([whole - gain for gain in gains])
            middle = np.sort(losses)[count // 2]
            apart_by = np.sort(abs(losses - middle))[count // 2]
            far = 1000 * losses < keep * whole
            out = int((far | (losses < whole) & ((middle - losses) * 1000 > apart * apart_by)).sum())
            ranked, left = np.argsort(losses, kind="stable").tolist(), []
            if out:
                sets = [set(ranked[:size]) for size in range(min(out, half), half + 1)]
                pair = {count - 2, count - 1}
                found = [whole - sum(gains[at] for at in absent) - together * (pair <= absent) for absent in sets]
                left = sorted(next(s for s, loss in zip(sets, found, strict=True) if keep * loss <= 1000 * min(found)))
            fields = {"drops": most, "apart": apart, "keep": keep}
            cases.append({"rule": fields, "whole": whole, "gains": gains, "together": together, "left_out": left})
    return cases


def direction():
    """Pin the tables of the rule ``direction``, levels at and beside their bounds, losses and weights."""
    norms = [root_of_power(4, 64 + step) for step in range(160)]
    cosines = [0] + [root_of_power(4, 39 + step) for step in range(1, 26)]
    ends = [root_of_power(8, 64 + level) for level in range(161)]
    ratios = {str(levels): root_of_power(8, 128 + min(levels, 8)) for levels in range(-127, 20)}
    products = []
    for own, root in [(1, 1), (40, 44), (160, 160), (3, 150)]:
        for level in (1, 2, 13, 25):
            least = -(-cosines[level] * ends[own] * ends[root] // 65536)
            products += [[least, own, root, level], [least - 1, own, root, level - 1]]
        products.append([-least, own, root, 0])
    rng = np.random.default_rng(14)
    logits = [*rng.integers(-(1 << 18), 1 << 18, (6, 4)).tolist(), [-(1 << 31), (1 << 31) - 1, 0, 0]]
    labels = [0, 1, 2, 3, 0, 1, 0]
    losses = []
    for row, label in zip(logits, labels, strict=True):
        gaps = [(row[label] - row[j] + (1 << 31)) % (1 << 32) - (1 << 31) for j in range(4) if j != label]
        losses.append(min(sum(max(0, 65536 - gap) for gap in gaps), 12 * 65536))
    shares = {"A": 5, "B": 3, "C": 0, "D": 4}
    weights = {}
    for total in (0, 16, 127, 256):
        running = [total * part // 12 for part in (0, 5, 8, 8, 12)]
        weights[str(total)] = [after - before for before, after in pairwise(running)]
    return {
        "norms": norms,
        "cosines": cosines,
        "ends": ends,
        "ratios": ratios,
        "products": products,
        "logits": logits,
        "labels": labels,
        "losses": losses,
        "shares": shares,
        "weights": weights,
        "choices": choices(cosines, ratios),
        "drops": drops(),
    }


def main():
    for name in TINY:
        write(f"evaluation_{name}", evaluation(name, numerator=1, bits=1, scale=1.0, extreme=False, seed=len(name)))
        write(f"wrapping_{name}", evaluation(name, numerator=3, bits=8, scale=1.0, extreme=True, seed=len(name) + 1))
    write("wrapping_activations", evaluation("residual", numerator=0, bits=0, scale=40.0, extreme=False, seed=2))
    for name in tiny_graphs.GRAPHS:
        write(f"graph_plain_{name}", graph_evaluation(name, numerator=1, bits=1, extreme=False, seed=len(name)))
        write(f"graph_wrapping_{name}", graph_evaluation(name, numerator=3, bits=8, extreme=True, seed=len(name) + 1))
    write("bad_graphs", bad_graphs())
    write("model_format", model_format())
    write("bad_descriptions", bad_descriptions())
    write("aggregate", aggregates())
    write("direction", direction())


if __name__ == "__main__":
    main()
