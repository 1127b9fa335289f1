# SPDX-License-Identifier: Apache-2.0
"""Graphs: against the JSON vectors step by step, against random cases in plain loops, and against version 1's bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.inference import compile_model, compile_scaled, count_correct
from medquorum.core.model import parse
from medquorum.errors import DataError, ModelError, RangeError
from medquorum_testing.inference import tiny_graphs
from medquorum_testing.inference.slow_graph import SlowGraph
from medquorum_testing.inference.slow_inference import flat
from medquorum_testing.inference.tiny_graphs import GRAPHS
from medquorum_testing.inference.tiny_models import TINY, random_tensors
from medquorum_testing.vectors import FOLDER, load_vector

NAMES = sorted(path.stem for path in FOLDER.glob("graph_*.json"))
TYPES = {"tabular": np.int32, "signal": np.int16, "densenet": np.uint8, "ceiling": np.uint8}


def traced(program, images):
    return [(step, values[0].ravel().tolist()) for step, values in program.trace(images)]


@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_the_vector(name):
    vector = load_vector(name)
    base, update = ({key: np.array(item) for key, item in vector[which].items()} for which in ("base", "update"))
    description = parse(vector["description"])
    factors = {"lambda_numerator": vector["lambda_numerator"], "lambda_bits": vector["lambda_bits"]}
    images = np.array([vector["image"]], dtype=TYPES[name.rpartition("_")[2]])
    found = [
        {"name": step, "shape": list(values.shape[1:]), "values": values.ravel().tolist()}
        for step, values in compile_model(description, base, update, **factors).trace(images)
    ]
    assert found == vector["steps"]
    assert len(NAMES) == 8


@given(
    name=st.sampled_from(sorted(GRAPHS)),
    bits=st.integers(0, 8),
    share=st.floats(0, 1),
    extreme=st.booleans(),
    seed=st.integers(0, 1 << 32),
)
@settings(max_examples=40, deadline=None)
def test_equals_plain_loops(name, bits, share, extreme, seed):
    rng = np.random.default_rng(seed)
    description = parse(GRAPHS[name])
    base, update = (random_tensors(description, rng, extreme=extreme) for _ in range(2))
    numerator = round(share * (1 << bits))
    channels, height, width = description.shape
    low, high = (0, 256) if TYPES[name] == np.uint8 else (-200, 200)
    images = rng.integers(low, high, (2, height, width, channels)).astype(TYPES[name])
    program = compile_model(description, base, update, lambda_numerator=numerator, lambda_bits=bits)
    slow = SlowGraph(GRAPHS[name], base, update, numerator, bits)
    expected = [(step, list(flat(values))) for step, values in slow.trace(images[0].tolist())]
    assert traced(program, images[:1]) == expected
    assert np.array_equal(program.logits(images)[:1], program.logits(images[:1]))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_unrounded_sums_of_models_are_evaluated(name):
    """With all weights on one model the unrounded evaluation is that model's own."""
    rng = np.random.default_rng(3)
    description = parse(GRAPHS[name])
    base = random_tensors(description, rng)
    images = rng.integers(0, 200, (3, *description.shape[1:], description.shape[0])).astype(TYPES[name])
    scaled = compile_scaled(description, {key: item << 8 for key, item in base.items()}, 8)
    assert np.abs(scaled.logits(images) - compile_model(description, base).logits(images)).max() <= 64


def as_graph(document):
    """Write a chain as the graph that means the same."""
    layers, at = [], "input"

    def append(layer, before):
        name = layer.get("name", f"{layer['op']}{len(layers)}")
        both = ("kernel", "stride", "padding")
        fields = {key: [item, item] if key in both else item for key, item in layer.items()}
        fields |= {"name": name, "from": [before]}
        if layer["op"] == "conv":
            fields |= {"dilation": [1, 1], "groups": 1}
        if layer["op"] == "dense":
            fields["bias"] = True
        if layer["op"] == "avgpool":
            fields["padding"] = [0, 0]
        if layer["op"] == "globalavgpool":
            fields |= {"op": "adaptiveavgpool", "size": [1, 1]}
        layers.append(fields)
        return name

    for layer in document["layers"]:
        if layer["op"] != "residual":
            at = append(layer, at)
            continue
        ends = []
        for path in (layer["body"], layer["shortcut"]):
            end = at
            for item in path:
                end = append(item, end)
            ends.append(end)
        at = f"add{len(layers)}"
        layers.append({"op": "add", "name": at, "from": ends})
    source = {"kind": "table", "shape": document["input"], "pixels": document["pixels"]}
    return tiny_graphs.graph(document["name"], source, tiny_graphs.classes(document["classes"]), layers)


@pytest.mark.parametrize("name", sorted(TINY))
@pytest.mark.parametrize("grayscale", [False, True])
def test_a_chain_has_the_same_bits_as_a_graph(name, grayscale):
    rng = np.random.default_rng(4)
    chain, graph = parse(TINY[name]), parse(as_graph(TINY[name]))
    base, update = (random_tensors(chain, rng) for _ in range(2))
    channels, height, width = chain.input
    images = rng.integers(0, 256, (4, height, width, 1 if grayscale else channels), dtype=np.uint8)
    factors = {"lambda_numerator": 1, "lambda_bits": 2}
    logits = [compile_model(item, base, update, **factors).logits(images) for item in (chain, graph)]
    assert np.array_equal(*logits)


def single(output, offsets):
    """Return a program whose logits are its inputs."""
    count = len(offsets)
    layers = [tiny_graphs.layer("flatten", "f", "input"), tiny_graphs.dense("d", "f", count, count)]
    document = tiny_graphs.graph("m", tiny_graphs.fixed((count, 1, 1)), output, layers)
    weights = np.eye(count, dtype=np.int64) << 16
    return compile_model(parse(document), {"d.weight": weights, "d.bias": np.array(offsets)})


def test_a_logit_says_class_one_from_its_threshold_on():
    program = single({"kind": "logit", "threshold": 10}, [0])
    images = np.array([9, 10, 11, -5], dtype=np.int32).reshape(4, 1, 1, 1)
    counts = count_correct(program, images, np.array([0, 1, 0, 1]))
    assert counts == (2, (1, 1), (2, 2))


def test_every_label_is_counted():
    program = single({"kind": "labels", "thresholds": [0, 5]}, [0, 0])
    images = np.array([[-1, 5], [0, 4], [3, 9]], dtype=np.int32).reshape(3, 1, 1, 2)
    counts = count_correct(program, images, np.array([[0, 1], [1, 1], [0, 0]]))
    assert counts == (3, (1, 1, 0, 1), (2, 1, 1, 2))
    assert counts.total == 6
    for bad in ([0, 1, 1], [[0, 1]], [[0, 2], [1, 1], [0, 0]]):
        with pytest.raises(DataError, match="labels do not fit"):
            count_correct(program, images, np.array(bad))


@pytest.mark.parametrize("type", ["int16", "int32"])
def test_inputs_of_another_type_or_beyond_the_range_are_refused(type):
    document = tiny_graphs.graph(
        "m",
        tiny_graphs.fixed((2, 1, 1), type),
        tiny_graphs.classes(2),
        [tiny_graphs.layer("flatten", "f", "input"), tiny_graphs.dense("d", "f", 2, 2)],
    )
    program = compile_model(parse(document), random_tensors(document, np.random.default_rng(0)))
    highest = 31 if type == "int16" else (32 << 16) - 1
    good = np.array([highest, -highest], dtype=type).reshape(1, 1, 1, 2)
    assert program.logits(good).shape == (1, 2)
    for value in (highest + 1, -highest - 1, np.iinfo(type).max, np.iinfo(type).min):
        with pytest.raises(RangeError, match="once it is scaled"):
            program.logits(np.full_like(good, value))
    for bad in (good.astype(np.uint8), good.astype(np.float32), good[..., :1], good[:, :, :, [0, 1, 1]]):
        with pytest.raises(ModelError, match="do not fit a model"):
            program.logits(bad)
