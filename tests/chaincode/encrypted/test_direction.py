# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` in an encrypted task: a masked root before the updates, weights that both parties found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medquorum.core.model import catalogue
from medquorum.core.rules import MEMBERS
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.consortium_ledger import MEMBERS as MEMBERSHIP
from medquorum_testing.ledger.encrypted_consortium import NONCE, TRANSCRIPT, EncryptedConsortium, hidden, settings

H1, H2, H3 = HOSPITALS
RULE = {"name": "direction", "members": MEMBERS}
Refused = Callable[..., str]


def normalised(channels: int) -> dict[str, Any]:
    """Return a model with so many channels that are normalised."""
    layers = [
        {"op": "conv", "name": "a", "in": 1, "out": channels, "kernel": 1, "stride": 1, "padding": 0, "bias": False},
        {"op": "batchnorm", "name": "b", "channels": channels},
        {"op": "relu"},
        {"op": "globalavgpool"},
        {"op": "flatten"},
        {"op": "dense", "name": "c", "in": channels, "out": 2},
    ]
    table = catalogue.pixel_table()
    return {"name": "wide", "input": [1, 2, 2], "classes": 2, "pixels": table, "layers": layers}


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> EncryptedConsortium:
    """Round 1 is open; B is the party with the images."""
    made = make(EncryptedConsortium)
    assert isinstance(made, EncryptedConsortium)
    made.begin(rule=RULE, model_tolerance=1000)
    made.submit(A, "OpenRound", "demo", 1)
    return made


def root(demo: EncryptedConsortium, **changes: Any) -> dict[str, Any]:
    return {"base": demo.base(1), "layout": demo.layout, "nonce": NONCE} | hidden(b"root") | changes


def judged(demo: EncryptedConsortium, first: dict[str, int], second: dict[str, int] | None = None) -> dict[str, Any]:
    """Let both parties attest weights, P1 perhaps others; return the round once its verdicts are closed."""
    demo.submit(B, "SubmitRoot", "demo", 1, root(demo))
    for hospital in first:
        demo.hand_in(hospital, hospital.encode())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    for party, weights in ((B, first), (A, first if second is None else second)):
        results = {}
        for hospital in first:
            found = demo.evaluated(hospital, counts={})
            kept = {name: found[name] for name in ("accepted", "reason", "counts", "update")}
            results[hospital] = kept | {"weight": weights[hospital]}
        whole = {"results": results, "dataset": demo.set.commitment(), "transcript": TRANSCRIPT}
        demo.submit(party, "AttestRound", "demo", 1, whole)
    ended: dict[str, Any] = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    return ended


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rule": {"name": "direction"}}, "members"),
        ({"rule": RULE | {"members": MEMBERS - 1}}, "members"),
        ({"encrypted": settings(placement="smv-semi-honest")}, "placement outsourced"),
        ({"minimum_accepted": 2}, "minimum_accepted"),
        ({"rule": RULE | {"cap": 100_000}, "model": catalogue.mlp((1, 2, 2), 10, hidden=2)}, "cap"),
        ({"rule": RULE | {"norm": 40_000_000}}, "norm"),
        ({"rule": RULE | {"drops": 1}}, "Leave drops away"),
        ({"model": normalised((1 << 15) + 1)}, "32768 channels"),
    ],
)
def test_what_the_rule_needs(
    encrypted: EncryptedConsortium, refused: Refused, change: dict[str, Any], told: str
) -> None:
    encrypted.init()
    task = encrypted.task(rule=RULE, model_tolerance=1000)
    assert told in refused("BAD_TASK", encrypted.submit, A, "CreateTask", task | change)
    assert encrypted.submit(A, "CreateTask", task)["rule"] == RULE


def test_the_masked_root_comes_first_and_from_the_party_with_the_images(
    demo: EncryptedConsortium, refused: Refused
) -> None:
    refused("ROOT_MISSING", demo.hand_in, H1, b"update")
    refused("ACCESS_DENIED", demo.submit, A, "SubmitRoot", "demo", 1, root(demo))
    for wrong in (
        {"masks": {A: "1" * 64}},
        {"masks": {A: "1" * 64, B: "2" * 64, H1: "3" * 64}},
        {"masks": None},
        {"nonce": None},
        {"chunks": ["1" * 64]},
        {"masked": None, "masks": None, "nonce": None, "chunks": ["1" * 64]},
    ):
        refused("BAD_UPDATE", demo.submit, B, "SubmitRoot", "demo", 1, root(demo, **wrong))
    refused("STALE_BASE", demo.submit, B, "SubmitRoot", "demo", 1, root(demo, base="0" * 64))
    refused("WRONG_MODE", demo.submit, B, "PutRootChunk", "demo", 1, 0, chunk=b"chunk")
    kept = demo.submit(B, "SubmitRoot", "demo", 1, root(demo))
    assert "chunks" not in kept and kept["verifier"] == B
    refused("ALREADY_SUBMITTED", demo.submit, B, "SubmitRoot", "demo", 1, root(demo, masked="4" * 64))
    refused("WRONG_MODE", demo.submit, A, "AttestRoot", "demo", 1, {"root": "0" * 64, "holds": False})
    refused("WRONG_MODE", demo.read, A, "ReadRootChunk", "demo", 1, 0)
    demo.hand_in(H1, b"update")


def test_both_parties_weights_are_the_rounds(demo: EncryptedConsortium) -> None:
    weights = {H1: 90, H2: 83, H3: 83}
    ended = judged(demo, weights)
    assert (ended["state"], ended["accepted"], ended["weights"]) == ("aggregating", HOSPITALS, weights)
    demo.masks()
    assert demo.read(A, "ReadRoundStatus", "demo", 1)["masks"]["weights"] == weights


@pytest.mark.parametrize("party", ["first", "second"])
def test_a_weight_that_one_party_shifts_ends_the_round_with_the_base(demo: EncryptedConsortium, party: str) -> None:
    honest, shifted = {H1: 90, H2: 83, H3: 83}, {H1: 91, H2: 82, H3: 83}
    ended = judged(demo, *((shifted, honest) if party == "first" else (honest, shifted)))
    assert (ended["state"], ended["reason"], ended["model"]) == ("closed", "TOO_FEW", ended["base"])
    assert set(ended["outcomes"].values()) == {"no_quorum"}
    evidence = demo.read(A, "ReadRoundStatus", "demo", 1)["attestations"][H1]
    assert sorted(found["result"]["weight"] for found in evidence.values()) == [90, 91]


@pytest.mark.parametrize(
    "weights",
    [
        {H1: 254, H2: 1, H3: 1},
        {H1: 128, H2: 128, H3: 0},
        {H1: 129, H2: 64, H3: 63},
        {H1: 256, H2: 0, H3: 0},
    ],
)
def test_a_sum_that_gives_an_update_away_is_not_opened(demo: EncryptedConsortium, weights: dict[str, int]) -> None:
    ended = judged(demo, weights)
    assert (ended["state"], ended["reason"], ended["model"]) == ("closed", "TOO_FEW", ended["base"])


@pytest.mark.parametrize(
    ("weights", "state"), [((64, 64, 64, 64, 0), "closed"), ((60, 60, 60, 60, 1), "closed"), ((50,) * 5, "aggregating")]
)
def test_hospitals_that_collude_leave_three_to_hide_among(
    make: Callable[..., Consortium], weights: tuple[int, ...], state: str
) -> None:
    """A minimum of five means that three may collude: they subtract their own from the sum."""
    demo, hospitals = make(EncryptedConsortium), [f"Hospital{number}MSP" for number in range(1, 6)]
    assert isinstance(demo, EncryptedConsortium)
    demo.init()
    demo.vote(MEMBERSHIP | {hospital: ["hospital"] for hospital in hospitals})
    demo.put_model(demo.model())
    demo.submit(A, "CreateTask", demo.task(hospitals=hospitals, rule=RULE, model_tolerance=1000, minimum_accepted=5))
    demo.submit(A, "OpenRound", "demo", 1)
    assert judged(demo, dict(zip(hospitals, weights, strict=True)))["state"] == state


def test_without_a_gain_there_is_no_sum(demo: EncryptedConsortium) -> None:
    ended = judged(demo, dict.fromkeys(HOSPITALS, 0))
    assert (ended["state"], ended["reason"], ended["model"]) == ("closed", "NO_GAIN", ended["base"])
