# SPDX-License-Identifier: Apache-2.0
"""Exact inference against the slow oracle, after every step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.inference import AccuracyCounts, compile_model, correct, count_correct
from medquorum.core.model import parse
from medquorum.errors import DataError, ModelError
from medquorum_testing.inference.slow_inference import SlowModel
from medquorum_testing.inference.tiny_models import TINY, random_tensors


def compare(document, base, update, numerator, bits, images):
    description = parse(document)
    program = compile_model(description, base, update, lambda_numerator=numerator, lambda_bits=bits)
    fast = [(name, values) for name, values in program.trace(images)]
    slow = SlowModel(document, base, update, numerator, bits)
    for number, image in enumerate(images.tolist()):
        steps = list(slow.trace(image))
        assert [name for name, _ in steps] == [name for name, _ in fast]
        for (name, expected), (_, values) in zip(steps, fast, strict=True):
            assert values[number].tolist() == expected, (name, number)
    np.testing.assert_array_equal(program.logits(images), fast[-1][1])


def images_for(document, rng, n, channels=None):
    _, h, w = document["input"]
    shape = (n, h, w) if channels is None else (n, h, w, channels)
    return rng.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("bits", [0, 1, 8])
@pytest.mark.parametrize("extreme", [False, True])
def test_equals_oracle_after_every_step(name, bits, extreme):
    rng = np.random.default_rng(len(name) * 10 + bits)
    document = TINY[name]
    base, update = (random_tensors(document, rng, extreme=extreme) for _ in range(2))
    numerator = int(rng.integers(0, (1 << bits) + 1))
    compare(document, base, update, numerator, bits, images_for(document, rng, 2))
    compare(document, base, None, 0, 0, images_for(document, rng, 1))


@pytest.mark.parametrize("scale", [1.0, 6.0, 40.0])
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(0, 8))
@settings(max_examples=8)
def test_equals_oracle_where_activations_wrap(scale, seed, bits):
    rng = np.random.default_rng(seed)
    document = TINY["residual"]
    base, update = (random_tensors(document, rng, scale=scale) for _ in range(2))
    compare(document, base, update, int(rng.integers(0, (1 << bits) + 1)), bits, images_for(document, rng, 1))


def test_grayscale_images_are_repeated_and_coloured_ones_are_not():
    rng = np.random.default_rng(3)
    document = TINY["residual"]
    tensors = random_tensors(document, rng)
    program = compile_model(parse(document), tensors)
    grayscale = images_for(document, rng, 4)
    np.testing.assert_array_equal(program.logits(grayscale), program.logits(np.repeat(grayscale[..., None], 3, axis=3)))
    np.testing.assert_array_equal(program.logits(grayscale), program.logits(grayscale[..., None]))
    colour = images_for(document, rng, 1, channels=3)
    compare(document, tensors, None, 0, 0, colour)


def test_blocks_do_not_change_the_logits():
    rng = np.random.default_rng(4)
    document = TINY["pools"]
    program = compile_model(parse(document), random_tensors(document, rng))
    images = images_for(document, rng, 300)
    one_by_one = np.concatenate([program.logits(images[i : i + 1]) for i in range(300)])
    np.testing.assert_array_equal(program.logits(images), one_by_one)
    assert program.logits(images[:0]).shape == (0, 2)


def test_lambda_one_is_the_base_and_lambda_zero_the_update():
    rng = np.random.default_rng(5)
    document = TINY["pools"]
    base, update = (random_tensors(document, rng) for _ in range(2))
    description = parse(document)
    images = images_for(document, rng, 5)
    for numerator, alone in ((4, base), (0, update)):
        mixed = compile_model(description, base, update, lambda_numerator=numerator, lambda_bits=2)
        np.testing.assert_array_equal(mixed.logits(images), compile_model(description, alone).logits(images))


@pytest.mark.parametrize(("numerator", "bits"), [(-1, 1), (3, 1), (0, 9), (0, -1)])
def test_wrong_lambda_is_refused(numerator, bits):
    document = TINY["dense"]
    tensors = random_tensors(document, np.random.default_rng(0))
    with pytest.raises(ModelError, match="mixing weight"):
        compile_model(parse(document), tensors, tensors, lambda_numerator=numerator, lambda_bits=bits)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 3, 3), np.uint8),
        np.zeros((2, 3, 2), np.int64),
        np.zeros((3, 2), np.uint8),
        np.zeros((1, 3, 2, 2), np.uint8),
    ],
)
def test_wrong_images_are_refused(images):
    document = TINY["dense"]
    program = compile_model(parse(document), random_tensors(document, np.random.default_rng(0)))
    with pytest.raises(ModelError, match="do not fit a model"):
        program.logits(images)


def test_correct_is_the_lowest_index_among_equals():
    logits = np.array([[5, 5, 1], [1, 5, 5], [0, 0, 0]])
    for label in range(3):
        labels = np.full(3, label)
        expected = logits.argmax(axis=1) == label
        np.testing.assert_array_equal(correct(logits, labels, 32), expected)


def test_correct_where_a_difference_wraps():
    low, high = -(1 << 31), (1 << 31) - 1
    assert correct(np.array([[low, high]]), np.array([0]), 32).tolist() == [True]
    assert correct(np.array([[low, high]]), np.array([1]), 32).tolist() == [False]
    assert correct(np.array([[low, high]]), np.array([1]), 40).tolist() == [True]


def test_merit_counts_per_class():
    rng = np.random.default_rng(6)
    document = TINY["residual"]
    program = compile_model(parse(document), random_tensors(document, rng))
    images = images_for(document, rng, 40)
    labels = rng.integers(0, 2, 40).astype(np.uint8)
    right = program.predict(images) == labels
    expected = AccuracyCounts(
        int(right.sum()),
        tuple(int((right & (labels == c)).sum()) for c in range(3)),
        tuple(int((labels == c).sum()) for c in range(3)),
    )
    assert count_correct(program, images, labels) == expected
    assert expected.total == 40
    for bad in (labels[:-1], labels + 3):
        with pytest.raises(DataError, match="labels do not fit"):
            count_correct(program, images, bad)
