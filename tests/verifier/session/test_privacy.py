# SPDX-License-Identifier: Apache-2.0
"""What a party sees does not depend on what is hidden from it: simulator coupling, and one mask opens one value.

FSS keys are not covered by the coupling: that they hide the mask is argued from the generator
(docs/reference/protocol.md).
"""

from itertools import product

import numpy as np
import pytest

from medquorum.core.inference import compile_model
from medquorum.core.inference.accuracy import decided
from medquorum.core.model import catalogue
from medquorum.errors import MaterialError
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import GateRandomness
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.coupling import couple
from medquorum_testing.encrypted.engine_models import Case, case, graph_case
from medquorum_testing.encrypted.two_parties import SEEDS, split
from medquorum_testing.inference.tiny_graphs import conv, dense, fixed, graph, layer, norm, pool

BATCH = 3
FIRST, HIDDEN = 19, 60
"""Seeds whose mlps take the images for all three classes."""
DEEP = [
    {"op": "conv", "name": "a", "in": 1, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": False},
    {"op": "batchnorm", "name": "n", "channels": 2},
    {"op": "relu"},
    {"op": "maxpool", "kernel": 2, "stride": 2, "padding": 0},
    {
        "op": "residual",
        "body": [{"op": "conv", "name": "b", "in": 2, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": True}],
        "shortcut": [
            {"op": "conv", "name": "c", "in": 2, "out": 2, "kernel": 1, "stride": 1, "padding": 0, "bias": False}
        ],
    },
    {"op": "flatten"},
    {"op": "dense", "name": "z", "in": 8, "out": 3},
]
AVERAGED = [
    {"op": "conv", "name": "a", "in": 1, "out": 2, "kernel": 3, "stride": 1, "padding": 1, "bias": True},
    {"op": "relu"},
    {"op": "avgpool", "kernel": 2, "stride": 1},
    {"op": "conv", "name": "b", "in": 2, "out": 2, "kernel": 1, "stride": 1, "padding": 0, "bias": True},
    {"op": "globalavgpool"},
    {"op": "flatten"},
    {"op": "dense", "name": "z", "in": 2, "out": 3},
]


def document(name, layers):
    return {
        "name": name,
        "input": [1, 4, 4],
        "classes": 3,
        "pixels": catalogue.pixel_table(0.5, 0.25),
        "layers": layers,
    }


LABELS = {"kind": "labels", "thresholds": [0, -500]}
BRANCHES = [
    conv("c", "input", 2, 2, (2, 2), groups=2),
    layer("relu6", "r6", "c"),
    pool("maxpool", "m", "r6", (2, 2), ceil=True),
    pool("avgpool", "p", "c", (2, 2), ceil=True),
    layer("concat", "k", "m", "p"),
    norm("n", "k", 4),
    layer("leakyrelu", "l", "n", slope=6554),
    layer("add", "s", "l", "k"),
    layer("adaptiveavgpool", "g", "s", size=[1, 1]),
    layer("flatten", "f", "g"),
]

MODELS = {
    "branches": graph("branches", fixed((2, 4, 4)), LABELS, [*BRANCHES, dense("d", "f", 4, 2)]),
    "table": graph(
        "table",
        fixed((5, 1, 1)),
        {"kind": "logit", "threshold": 100},
        [layer("flatten", "f", "input"), norm("n", "f", 5), layer("relu", "r", "n"), dense("d", "r", 5, 1)],
    ),
    "mlp": catalogue.mlp((1, 4, 4), 3, hidden=4),
    "deep": document("deep", DEEP),
    "averaged": document("averaged", AVERAGED),
}


def equally_good(first: Case, second: Case) -> tuple[Case, Case]:
    """Label both cases so that of every answer's classes as many are right in one as in the other."""
    cases, choices = (first, second), answers(first)
    predicted = [answered(each) for each in cases]
    labels = [(classes + 1) % choices for classes in predicted]
    for answer, number in product(np.ndindex(labels[0].shape[1:]), range(choices)):
        places = [np.flatnonzero(classes[:, *answer] == number) for classes in predicted]
        for chosen, here in zip(labels, places, strict=True):
            chosen[here[: min(map(len, places))], *answer] = number
    one, other = (each._replace(labels=chosen) for each, chosen in zip(cases, labels, strict=True))
    return one, other


def answers(found: Case) -> int:
    """Return how many values an answer may have."""
    output = found.description.output
    return output.count if output.kind == "classes" else 2


def answered(found: Case) -> np.ndarray:
    """Return what the mixture answers, of the labels' shape."""
    program = compile_model(found.description, found.base, found.update, lambda_numerator=1, lambda_bits=1)
    if found.description.output.kind == "classes":
        return program.predict(found.images)
    no = decided(program.output, program.logits(found.images), np.zeros_like(found.labels), program.bits)
    return 1 - no.reshape(found.labels.shape).astype(np.int64)


def drawn(model: str, seed: int) -> Case:
    document = MODELS[model]
    return graph_case(document, 5, seed=seed) if "format" in document else case(document, 5, seed=seed)


def two_runs(model, honest, needed, subjects=("mixed",), masked=False, **how):
    """Two cases that differ in everything the corrupt party must not learn; equal counts where these are opened."""
    first, hidden = drawn(model, FIRST), drawn(model, HIDDEN)
    known = {"images": first.images, "labels": first.labels} if honest == 1 else {}
    second = hidden._replace(base=first.base, **known)
    if needed is None:
        first, second = equally_good(first, second)
    own = np.random.default_rng(1).integers(-(1 << 63), 1 << 63, first.flat().shape)
    both = [(each.flat() - own, own) if honest == 0 else (own, each.flat() - own) for each in (first, second)]
    both = [each.flat() for each in (first, second)] if masked else both
    how = how if "updates" in how else {"norm": 10**6} | how
    plan = make_plan(first.description, subjects, lambda_numerator=1, lambda_bits=1, grayscale=True, **how)
    inputs = [
        Inputs(each.base, shares, each.images, each.labels, BATCH, needed)
        for each, shares in zip((first, second), both, strict=True)
    ]

    def places(name, words):
        part, choices = slice(name.batch * BATCH, (name.batch + 1) * BATCH), answers(first)
        turned = (words.view(np.uint64) % np.uint64(choices)).astype(np.int64)
        return (turned + (second.labels[part] - first.labels[part]).reshape(-1)) % choices

    return plan, inputs, places if honest == 0 else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "honest", "needed"),
    [
        ("mlp", 0, None),
        ("mlp", 0, 0),
        ("mlp", 1, 0),
        ("deep", 0, 0),
        ("deep", 1, 0),
        ("averaged", 0, 0),
        ("averaged", 1, 0),
    ],
)
def test_the_view_is_the_same_whatever_is_hidden(monkeypatch, model, honest, needed):
    """P1 must not learn images, labels or update, P0 not the update; where only the bit is opened, not the count."""
    plan, inputs, places = two_runs(model, honest, needed if needed is None else np.array([needed]))
    one, two, outcome = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert len(one.view) > 40
    assert one.view == two.view
    assert all(each.accepted for each in outcome)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "needed"), [("mlp", None), ("mlp", 0), ("deep", 0)])
@pytest.mark.parametrize("honest", [0, 1])
def test_so_it_is_where_the_hospital_hands_over_its_masked_update(monkeypatch, honest, model, needed):
    """The view begins with R itself, which both parties have: it is the same for another update."""
    if honest == 1 and needed is None:
        needed = 0
    plan, inputs, places = two_runs(model, honest, needed if needed is None else np.array([needed]), masked=True)
    assert (inputs[0].shares != inputs[1].shares).any()
    one, two, outcome = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view
    assert all(each.accepted for each in outcome)


@pytest.mark.slow
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("model", ["table", "branches"])
@pytest.mark.parametrize("honest", [0, 1])
def test_so_it_is_for_a_graph_and_answers_of_yes_and_no(monkeypatch, honest, model, per_class):
    """One logit and several labels, whose answers P0 announces turned; every kind of layer of format 2."""
    needed = np.zeros((4 if model == "branches" else 2) if per_class else 1, dtype=np.int64)
    plan, inputs, places = two_runs(model, honest, needed, per_class=per_class)
    assert (inputs[0].shares[honest] != inputs[1].shares[honest]).any()
    one, two, outcome = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert len(one.view) > 20
    assert one.view == two.view
    assert all(each.accepted for each in outcome)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["table", "branches"])
def test_so_it_is_where_answers_of_yes_and_no_are_opened(monkeypatch, model):
    """P1 sees how many answers of each label are right, without and with it, and nothing else."""
    plan, inputs, places = two_runs(model, 0, None, per_class=True)
    assert (inputs[0].labels != inputs[1].labels).any()
    one, two, outcome = couple(monkeypatch, 0, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view
    assert all(each.counts.any() for each in outcome)


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [["mixed"], ["own"], ["mixed", "own"]])
@pytest.mark.parametrize("honest", [0, 1])
def test_so_it_is_where_each_class_is_counted(monkeypatch, honest, subjects):
    """The rule floor's path, for the mixture and for the update alone."""
    needed = np.zeros(3 * len(subjects), dtype=np.int64)
    plan, inputs, places = two_runs("mlp", honest, needed, subjects, per_class=True)
    one, two, outcome = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view
    assert all(each.accepted for each in outcome)


def test_so_it_is_where_each_class_count_is_opened(monkeypatch):
    plan, inputs, places = two_runs("mlp", 0, None, per_class=True)
    one, two, outcome = couple(monkeypatch, 0, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view
    assert all(each.counts.shape == (3,) and each.counts.all() for each in outcome)


@pytest.mark.slow
@pytest.mark.parametrize("honest", [0, 1])
def test_so_it_is_for_the_update_alone(monkeypatch, honest):
    plan, inputs, places = two_runs("deep", honest, np.array([0]), ["own"])
    one, two, _ = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view


@pytest.mark.slow
@pytest.mark.parametrize("honest", [0, 1])
def test_so_it_is_where_a_sum_is_averaged(monkeypatch, honest):
    plan, inputs, places = two_runs("deep", honest, np.array([0]), updates=3)
    one, two, _ = couple(monkeypatch, honest, plan, *inputs, Tree, SEEDS, places)
    assert one.view == two.view


@pytest.mark.slow
def test_a_reused_mask_is_found(monkeypatch):
    """The logits and their differences hidden under one mask: no shift of the tape makes both openings equal."""
    plan, inputs, places = two_runs("mlp", 0, np.array([0]))
    one, two, _ = couple(monkeypatch, 0, plan, *inputs, Tree, SEEDS, places, passes=40, reuse=True)
    assert one.view != two.view


def test_a_mask_hides_one_value():
    randomness = GateRandomness(0, SEEDS[0], MaterialId("t", 1, "H"), bytes(8))
    mask = randomness.mask((3,))
    mask.open_once()
    with pytest.raises(MaterialError, match="would hide a second value"):
        mask.open_once()
    assert str(mask.share[0]) not in repr(mask)


@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
def test_every_opening_has_its_own_mask_and_looks_uniform(back_end):
    found = case(MODELS["deep"], 40)
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    seen = ({}, {})

    def audit(index):
        def told(name, message):
            assert name not in seen[index]
            seen[index][name] = message

        return told

    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 20)
    verify(plan, inputs, back_end, audits=(audit(0), audit(1)))
    assert seen[0].keys() - seen[1].keys() == {f"{batch}/mixed/0/entry/1" for batch in (0, 1)}
    assert seen[1].keys() < seen[0].keys()
    for party in (0, 1):
        everything = np.frombuffer(b"".join(seen[party].values()), dtype=np.uint8)
        bits = 8 * everything.shape[0]
        assert bits > 100_000
        assert abs(int(np.unpackbits(everything).sum()) - bits / 2) < 6 * (bits / 4) ** 0.5
