# SPDX-License-Identifier: Apache-2.0
"""Weighted models against Python integers, and their unrounded inference against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.combination import Combination
from medquorum.core.inference import compile_scaled
from medquorum.core.model import check_range, layout, parse
from medquorum.core.rules.direction.weights import apportion
from medquorum.errors import ModelError
from medquorum_testing.inference.slow_inference import SlowScaledModel, flat
from medquorum_testing.inference.tiny_models import TINY, random_tensors


def combined(description, base, updates, weights):
    combination = Combination(description, base, weights)
    for name in combination.names:
        combination.add(name, updates[name])
    return combination


@given(seed=st.integers(0, 2**32 - 1), total=st.integers(1, 256), count=st.integers(1, 5))
@settings(max_examples=50)
def test_against_python_integers(seed, total, count):
    rng = np.random.default_rng(seed)
    description = parse(TINY["dense"])
    base = random_tensors(description, rng, scale=30)
    updates = {f"H{i}": random_tensors(description, rng, scale=30) for i in range(count)}
    weights = apportion(total, {name: int(rng.integers(1, 1000)) for name in updates})
    combination = combined(description, base, updates, weights)
    statistics = apportion(256, {name: weight for name, weight in weights.items() if weight})
    model = combination.rounded()
    check_range(description, model)
    for name, _, kind in layout(description):
        of, rest = (weights, 256 - total) if kind.mixed else (statistics, 0)
        rows = zip(base[name].ravel().tolist(), *(updates[k][name].ravel().tolist() for k in of), strict=True)
        exact = [rest * w + sum(a * b for a, b in zip(of.values(), r, strict=True)) for w, *r in rows]
        assert combination.scaled[name].ravel().tolist() == exact
        assert model[name].ravel().tolist() == [(value + 128) // 256 for value in exact]


@pytest.mark.parametrize("name", sorted(TINY))
@pytest.mark.parametrize("extreme", [False, True])
def test_unrounded_inference_equals_plain_loops(name, extreme):
    rng = np.random.default_rng(len(name))
    description = parse(TINY[name])
    base = random_tensors(description, rng, extreme=extreme)
    updates = {f"H{i}": random_tensors(description, rng, extreme=extreme) for i in range(3)}
    scaled = combined(description, base, updates, {"H0": 50, "H1": 0, "H2": 101}).scaled
    channels, height, width = description.input
    images = rng.integers(0, 256, (2, height, width, channels), dtype=np.uint8)
    steps = [(step, values) for step, values in compile_scaled(description, scaled, 8).trace(images)]
    for index, image in enumerate(images.tolist()):
        slow = list(SlowScaledModel(TINY[name], scaled, 8).trace(image))
        assert [(step, values[index].ravel().tolist()) for step, values in steps] == [
            (step, list(flat(values))) for step, values in slow
        ]


def test_tensors_must_be_the_layouts():
    description = parse(TINY["dense"])
    base = random_tensors(description, np.random.default_rng(1))
    with pytest.raises(ModelError):
        Combination(description, {}, {"A": 1})
    with pytest.raises(ModelError):
        Combination(description, base, {"A": 1}).add("A", {})
    with pytest.raises(ModelError):
        compile_scaled(description, {}, 8)
