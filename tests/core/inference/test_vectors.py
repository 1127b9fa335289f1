# SPDX-License-Identifier: Apache-2.0
"""Inference against the JSON vectors, after every step; and that they wrap where they say so."""

import importlib.util
import sys

import numpy as np
import pytest

from medquorum.core.inference import compile_model
from medquorum.core.model import parse
from medquorum_testing.inference.slow_inference import SlowModel, flat
from medquorum_testing.vectors import FOLDER, load_vector

NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem.startswith(("evaluation_", "wrapping_")))


def tensors(vector, which):
    return {name: np.array(values) for name, values in vector[which].items()}


@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_the_vector(name):
    vector = load_vector(name)
    program = compile_model(
        parse(vector["description"]),
        tensors(vector, "base"),
        tensors(vector, "update"),
        lambda_numerator=vector["lambda_numerator"],
        lambda_bits=vector["lambda_bits"],
    )
    images = np.array([vector["image"]], dtype=np.uint8)
    found = [
        {"name": step, "shape": list(values.shape[1:]), "values": values.ravel().tolist()}
        for step, values in program.trace(images)
    ]
    assert found == vector["steps"]


def test_there_are_vectors():
    assert len(NAMES) >= 9


def test_vectors_are_what_the_generator_writes(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("generate_vectors", FOLDER / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.path", list(sys.path))
    spec.loader.exec_module(generate)
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    generate.main()
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in FOLDER.glob("*.json") if path.name in written}
    assert len(written) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_exactly_the_wrapping_vectors_wrap(name):
    """Activations that are not reduced to 32 bits give something else there, and the same elsewhere."""
    vector = load_vector(name)
    factors = vector["lambda_numerator"], vector["lambda_bits"]
    slow = SlowModel(vector["description"], tensors(vector, "base"), tensors(vector, "update"), *factors)
    slow.w = 200
    steps = [list(flat(values)) for _, values in slow.trace(vector["image"])]
    assert (steps != [step["values"] for step in vector["steps"]]) == name.startswith("wrapping_")
