# SPDX-License-Identifier: Apache-2.0
"""Graphs under encryption equal plain evaluation after every step and in every count, wrapping values included."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from medquorum.core.fixedpoint import wrap
from medquorum.core.inference import compile_model, count_correct
from medquorum.core.model import layout, parse
from medquorum.errors import ModelError
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.offline.cost_model import image_cost
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import graph_case
from medquorum_testing.encrypted.two_parties import split
from medquorum_testing.inference.drawn_graphs import small_graphs
from medquorum_testing.inference.tiny_graphs import GRAPHS, classes, conv, dense, fixed, graph, layer, table
from medquorum_testing.vectors import FOLDER, load_vector

BACK_ENDS = {"tree": Tree, "fss": lambda: Fss(b"test")}
VECTORS = sorted(path.stem for path in FOLDER.glob("graph_*.json"))


def check(found, *, numerator=1, bits=1, back_end="tree", per_class=False, batch=64):
    """Verify a case, compare every step that the plain evaluation has and the counts; return the steps compared."""
    plan = make_plan(
        found.description,
        ["mixed"],
        lambda_numerator=numerator,
        lambda_bits=bits,
        grayscale=False,
        per_class=per_class,
    )
    traces = ({}, {})
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, batch)
    whole = batch >= len(found.images)
    keep = tuple(trace.__setitem__ for trace in traces) if whole else (None, None)
    outcomes = verify(plan, inputs, BACK_ENDS[back_end], traces=keep)
    plain = compile_model(found.description, found.base, found.update, lambda_numerator=numerator, lambda_bits=bits)
    counts = count_correct(plain, found.images, found.labels)
    expected = list(counts.per_class_correct) if per_class else [counts.correct]
    assert [outcome.counts.tolist() for outcome in outcomes] == [expected] * 2
    if not whole:
        return set()
    program = plan.subjects[0].program
    last = {step.name: index for index, step in enumerate(program.steps) if not step.drops}
    compared = set()
    for name, want in plain.trace(found.images):
        if name in last:
            place = f"mixed/{last[name]}/{name}"
            values = wrap(traces[0][place] + traces[1][place], program.width).transpose(0, 3, 1, 2)
            assert (values.reshape(want.shape) == wrap(want, program.width)).all(), name
            compared.add(name)
    return compared


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name, back_end):
    """The values after every step are those that the slow evaluation wrote down."""
    vector = load_vector(name)
    base, update = (
        {key: np.array(values, dtype=np.int64) for key, values in vector[which].items()} for which in ("base", "update")
    )
    description = parse(vector["description"])
    kind = vector["description"]["input"].get("type", "uint8")
    images = np.array([vector["image"]], dtype=kind)
    plan = make_plan(
        description,
        ["mixed"],
        lambda_numerator=vector["lambda_numerator"],
        lambda_bits=vector["lambda_bits"],
        grayscale=False,
    )
    specs = layout(description)
    flat = np.concatenate([update[spec.name].reshape(-1) for spec in specs])
    shape = (1, description.output.logits) if description.output.kind == "labels" else (1,)
    traces = ({}, {})
    inputs = Inputs(base, split(flat), images, np.zeros(shape, dtype=np.int64), 1)
    outcomes = verify(plan, inputs, BACK_ENDS[back_end], traces=tuple(trace.__setitem__ for trace in traces))
    within = all((np.abs(update[spec.name]) <= spec.kind.highest).all() for spec in specs)
    assert [outcome.accepted for outcome in outcomes] == [within] * 2
    if not within:
        return  # the folding of batch normalisation would wrap: such an update is refused, never evaluated
    program = plan.subjects[0].program
    last = {step.name: index for index, step in enumerate(program.steps) if not step.drops}
    for step in vector["steps"]:
        if step["name"] in last:
            place = f"mixed/{last[step['name']]}/{step['name']}"
            values = wrap(traces[0][place] + traces[1][place], program.width).transpose(0, 3, 1, 2).reshape(-1)
            assert (values == wrap(np.array(step["values"]), program.width)).all(), step["name"]


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_output_is_counted(name, per_class, back_end):
    check(graph_case(GRAPHS[name], 7), back_end=back_end, per_class=per_class)
    check(graph_case(GRAPHS[name], 7), per_class=per_class, batch=3)


@pytest.mark.parametrize(("numerator", "bits"), [(0, 0), (1, 1), (100, 8)])
@pytest.mark.parametrize("name", GRAPHS)
def test_values_that_wrap(name, numerator, bits):
    check(graph_case(GRAPHS[name], 5, extreme=True), numerator=numerator, bits=bits)


@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(small_graphs(), st.booleans(), st.sampled_from([(0, 0), (1, 1), (3, 8)]), st.sampled_from(list(BACK_ENDS)))
def test_any_sizes(document, extreme, mixture, back_end):
    try:
        parse(document)
    except ModelError:
        assume(False)
    numerator, bits = mixture
    assert check(graph_case(document, 3, extreme=extreme), numerator=numerator, bits=bits, back_end=back_end) >= {
        "s",
        "k",
        "f",
    }


def test_a_table_repeats_one_channel():
    """Images of one channel for a model of three, as in the plain evaluation."""
    layers = [conv("c", "input", 3, 4, (3, 3)), layer("flatten", "f", "c"), dense("d", "f", 64, 3)]
    found = graph_case(graph("grey", table((3, 6, 6)), classes(3), layers), 4)
    check(found._replace(images=found.images[..., 0]))


def test_the_cost_tells_what_is_compared():
    """One comparison for each value of a sum, two where a ReLU6 follows; none for a concatenation."""

    def comparisons(*layers):
        width = 36 if layers[-1]["op"] == "concat" else 18
        rows = [conv("c", "input", 2, 2), *layers, layer("flatten", "f", layers[-1]["name"]), dense("d", "f", width, 2)]
        document = graph("cost", fixed((2, 3, 3)), classes(2), rows)
        plan = make_plan(parse(document), ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=False)
        return image_cost(plan, "tree")[0]

    relu = comparisons(layer("relu", "r", "c"))
    assert comparisons(layer("relu6", "r", "c")) == relu + 18
    assert comparisons(layer("relu", "r", "c"), layer("concat", "k", "r", "r")) == relu
    assert comparisons(layer("leakyrelu", "r", "c", slope=9)) == relu + 36
