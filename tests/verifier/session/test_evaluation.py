# SPDX-License-Identifier: Apache-2.0
"""Encrypted evaluation equals plain evaluation after every step, wrapping values included."""

import numpy as np
import pytest

from medquorum.core.fixedpoint import wrap
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import catalogue, parse
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.layers.pooling import Maximum
from medquorum.verifier.gates.layers.steps import Scale
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import Case, case
from medquorum_testing.encrypted.two_parties import split
from medquorum_testing.vectors import FOLDER, load_vector

BACK_ENDS = {"tree": Tree, "fss": lambda: Fss(b"test")}
OUT_OF_RANGE = ("wrapping_dense", "wrapping_residual")
"""Parameters beyond RANGE that would wrap in the folding of batch normalisation: refused, never evaluated."""
VECTORS = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem.startswith(("evaluation_", "wrapping_")))


def check(found: Case, numerator, bits, back_end, *, batch=64, grayscale=True):
    """Verify a case and compare counts and every step that has a plain counterpart."""
    plan = make_plan(found.description, ["mixed"], lambda_numerator=numerator, lambda_bits=bits, grayscale=grayscale)
    traces = ({}, {})
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, batch)
    keep = tuple(trace.__setitem__ for trace in traces) if batch >= len(found.images) else (None, None)
    outcomes = verify(plan, inputs, BACK_ENDS[back_end], traces=keep)
    plain = compile_model(found.description, found.base, found.update, lambda_numerator=numerator, lambda_bits=bits)
    if outcomes[0].accepted:
        right = count_correct(plain, found.images, found.labels).correct
        assert [outcome.counts.tolist() for outcome in outcomes] == [[right]] * 2
    else:
        assert [outcome.counts for outcome in outcomes] == [None, None]
    if keep == (None, None):
        return 0
    expected = dict(plain.trace(found.images))
    compared = 0
    program = plan.subjects[0].program
    for index, step in enumerate(program.steps):
        if isinstance(step, Scale | Maximum):
            name = f"mixed/{index}/{step.name}"
            ring = step.gate.ring if isinstance(step, Scale) else program.width
            values = wrap(traces[0][name] + traces[1][name], ring).transpose(0, 3, 1, 2)
            want = expected[step.name]
            assert (values.reshape(want.shape) == wrap(want, ring)).all(), step.name
            compared += 1
    return compared


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name, back_end):
    vector = load_vector(name)
    base, update = (
        {key: np.array(values, dtype=np.int64) for key, values in vector[which].items()} for which in ("base", "update")
    )
    images = np.array([vector["image"]], dtype=np.uint8)
    grayscale = images.ndim == 3
    found = Case(parse(vector["description"]), base, update, images, np.array([1]))
    if name in OUT_OF_RANGE:
        plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=grayscale)
        inputs = Inputs(base, split(found.flat()), images, found.labels, 1)
        assert [outcome.accepted for outcome in verify(plan, inputs, BACK_ENDS[back_end])] == [False, False]
        return
    assert check(found, vector["lambda_numerator"], vector["lambda_bits"], back_end, grayscale=grayscale) >= 2


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("model", ["mlp", "lenet"])
@pytest.mark.parametrize(("numerator", "bits"), [(0, 0), (1, 1), (100, 8)])
def test_models(model, extreme, back_end, numerator, bits):
    found = case(catalogue.describe(model, (1, 8, 8), 10), 5, extreme=extreme)
    assert check(found, numerator, bits, back_end) >= 2


def test_batches_of_unequal_size():
    found = case(catalogue.describe("mlp", (1, 8, 8), 3), 10)
    check(found, 1, 1, "tree", batch=4)


LAYERS = {
    "relu after a pool, pool after a pool": [
        {"op": "relu"},
        {"op": "maxpool", "kernel": 2, "stride": 1, "padding": 0},
        {"op": "maxpool", "kernel": 2, "stride": 2, "padding": 1},
        {"op": "relu"},
        {"op": "relu"},
    ],
    "a pool before a convolution, an average without ReLU": [
        {"op": "conv", "name": "a", "in": 2, "out": 3, "kernel": 3, "stride": 1, "padding": 1, "bias": True},
        {"op": "maxpool", "kernel": 3, "stride": 2, "padding": 1},
        {"op": "conv", "name": "b", "in": 3, "out": 2, "kernel": 1, "stride": 1, "padding": 0, "bias": False},
        {"op": "avgpool", "kernel": 2, "stride": 1},
    ],
    "a residual that begins with a ReLU": [
        {"op": "conv", "name": "a", "in": 2, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": True},
        {
            "op": "residual",
            "body": [
                {"op": "relu"},
                {"op": "conv", "name": "b", "in": 2, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": True},
            ],
            "shortcut": [],
        },
    ],
    "a residual that begins with a pool": [
        {"op": "conv", "name": "a", "in": 2, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": True},
        {
            "op": "residual",
            "body": [
                {"op": "maxpool", "kernel": 3, "stride": 1, "padding": 1},
                {"op": "conv", "name": "b", "in": 2, "out": 2, "kernel": 1, "stride": 1, "padding": 0, "bias": True},
            ],
            "shortcut": [
                {"op": "conv", "name": "c", "in": 2, "out": 2, "kernel": 1, "stride": 1, "padding": 0, "bias": True}
            ],
        },
        {"op": "avgpool", "kernel": 1, "stride": 1},
        {"op": "relu"},
    ],
}
SIDES = [3, 2, 6, 6]


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize(("layers", "side"), list(zip(LAYERS.values(), SIDES, strict=True)), ids=LAYERS)
def test_unusual_orders_of_layers(layers, side, extreme):
    rows = [*layers, {"op": "flatten"}, {"op": "dense", "name": "z", "in": 2 * side * side, "out": 3}]
    pixels = catalogue.pixel_table(0.5, 0.25)
    document = {"name": "odd", "input": [2, 6, 6], "classes": 3, "pixels": pixels, "layers": rows}
    check(case(document, 4, extreme=extreme, grayscale=False), 3, 2, "tree", grayscale=False)


CONV = {"op": "conv", "in": 3, "out": 3, "kernel": 3, "stride": 1, "padding": 1, "bias": True}
ENTRIES = {
    "identity": ([CONV | {"name": "a"}, {"op": "relu"}, CONV | {"name": "b"}], []),
    "convolution": ([CONV | {"name": "a"}, {"op": "relu"}, CONV | {"name": "b"}], [CONV | {"name": "c"}]),
    "one layer": ([CONV | {"name": "a"}], [CONV | {"name": "c"}]),
}


@pytest.mark.parametrize("grayscale", [True, False])
@pytest.mark.parametrize(("body", "shortcut"), list(ENTRIES.values()), ids=ENTRIES)
def test_a_residual_may_come_first(body, shortcut, grayscale):
    """Of grayscale images its shortcut, too, begins with one channel that stands for three."""
    rows = [{"op": "residual", "body": body, "shortcut": shortcut}, {"op": "flatten"}]
    rows.append({"op": "dense", "name": "z", "in": 75, "out": 3})
    document = {"name": "first", "input": [3, 5, 5], "classes": 3, "pixels": catalogue.pixel_table(), "layers": rows}
    check(case(document, 4, grayscale=grayscale), 1, 1, "tree", grayscale=grayscale)


@pytest.mark.slow
@pytest.mark.parametrize("grayscale", [True, False])
def test_resnet18(grayscale):
    found = case(catalogue.describe("resnet18", (3, 28, 28), 4), 3, grayscale=grayscale)
    assert check(found, 1, 1, "tree", grayscale=grayscale) == 20
