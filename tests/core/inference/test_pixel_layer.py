# SPDX-License-Identifier: Apache-2.0
"""A dense layer right on images gives what it gives step by step, whatever the images have in common."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.inference import ImageSet, compile_model, entry_of
from medquorum.core.inference.pixel_layer import pixel_layer
from medquorum.core.model import parse
from medquorum.core.model.catalogue import lenet, mlp, pixel_table
from medquorum_testing.inference.tiny_graphs import GRAPHS, classes, conv, dense, graph, layer, table
from medquorum_testing.inference.tiny_models import TINY, random_tensors

RELU = layer("relu", "r", "a")
MODELS = {
    "mlp": mlp((1, 4, 5), 3, hidden=7),
    "colours": mlp((3, 4, 5), 3, hidden=7),
    "logistic regression": graph(
        "one", table((3, 4, 5)), classes(3), [layer("flatten", "f", "input"), dense("a", "f", 60, 3)]
    ),
    "graph": graph(
        "graph",
        table((3, 4, 5)),
        classes(3),
        [layer("flatten", "f", "input"), dense("a", "f", 60, 7), RELU, dense("b", "r", 7, 3)],
    ),
    "convolution": graph(
        "whole",
        table((3, 4, 5)),
        classes(3),
        [conv("a", "input", 3, 7, (4, 5), bias=True), RELU, layer("flatten", "f", "r"), dense("b", "f", 7, 3)],
    ),
}
OTHERS = {
    "convolution": lenet((1, 28, 28), 3),
    "numbers": GRAPHS["tabular"],
    "twice": graph(
        "twice",
        table((2, 1, 1)),
        classes(2),
        [
            layer("flatten", "f", "input"),
            dense("a", "f", 2, 3),
            layer("concat", "c", "a", "f"),
            dense("b", "c", 5, 2),
        ],
    ),
}


def test_a_set_keeps_what_models_take_of_it_up_to_its_limit():
    """What is kept is the images' alone: other weights and another table get their own results."""
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (300, 4, 5, 1), dtype=np.uint8)
    for limit in (0, 5_000, 1 << 20):
        kept = ImageSet(images, limit)
        for pixels in (None, pixel_table(0.2, 3.0)):
            description = parse(mlp((1, 4, 5), 3, pixels, hidden=7))
            for _ in range(2):
                program = compile_model(description, random_tensors(description, rng))
                for _ in range(2):
                    np.testing.assert_array_equal(program.logits(kept), program.logits(images))
        assert len(kept) == 300


def on_pixels(document, program):
    return pixel_layer(entry_of(parse(document)), program.steps) is not None


@pytest.mark.parametrize("name", MODELS)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 300),
    common=st.sampled_from([0.0, 0.1, 0.5, 0.99, 1.0]),
    bits=st.integers(0, 8),
)
@settings(max_examples=25, deadline=None)
def test_equals_the_steps(name, seed, n, common, bits):
    rng = np.random.default_rng(seed)
    description = parse(MODELS[name])
    base, update = (random_tensors(description, rng) for _ in range(2))
    program = compile_model(description, base, update, lambda_numerator=1 << bits >> 1, lambda_bits=bits)
    channels, *places = description.shape
    images = rng.integers(0, 256, (n, *places, channels), dtype=np.uint8)
    images = np.where(rng.random(images.shape[1:]) < common, images[:1], images)
    assert on_pixels(MODELS[name], program)
    *_, (_, expected) = program.trace(images)
    np.testing.assert_array_equal(program.logits(images), expected.reshape(n, -1))


@pytest.mark.parametrize("name", OTHERS)
def test_other_first_layers_are_left_alone(name):
    description = parse(OTHERS[name])
    assert not on_pixels(
        OTHERS[name], compile_model(description, random_tensors(description, np.random.default_rng(1)))
    )


def test_sums_beyond_53_bits_are_left_alone():
    description = parse(TINY["dense"])
    rng = np.random.default_rng(2)
    assert on_pixels(TINY["dense"], compile_model(description, random_tensors(description, rng)))
    assert not on_pixels(TINY["dense"], compile_model(description, random_tensors(description, rng, extreme=True)))


def test_one_channel_that_is_repeated():
    description = parse(MODELS["colours"])
    rng = np.random.default_rng(3)
    program = compile_model(description, random_tensors(description, rng))
    images = rng.integers(0, 256, (5, 4, 5), dtype=np.uint8)
    np.testing.assert_array_equal(program.logits(images), program.logits(np.repeat(images[..., np.newaxis], 3, axis=3)))
