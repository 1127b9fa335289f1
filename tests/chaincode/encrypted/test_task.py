# SPDX-License-Identifier: Apache-2.0
"""Encrypted tasks: their settings, updates that are commitments alone, and what is for plain tasks only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medquorum.core import model as modelformat
from medquorum_testing.inference.tiny_graphs import GRAPHS
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium
from medquorum_testing.ledger.encrypted_consortium import NONCE, EncryptedConsortium, hidden, settings, with_nodes

H1, H2, H3 = HOSPITALS
C = "VerifierCMSP"
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def test_settings_are_kept(encrypted: Consortium) -> None:
    encrypted.init()
    created = encrypted.submit(A, "CreateTask", encrypted.task())
    assert (created["verification"], created["encrypted"]) == (
        "encrypted",
        settings(aggregators=[A, B]),
    )
    assert created["verifiers"] == [A, B] and created["encrypted"]["parties"] == [B, A]
    assert encrypted.read(H1, "ReadTask", "demo") == created


def test_plain_documents_have_none_of_its_fields(make: Make) -> None:
    demo = make()
    demo.begin(encrypted=None)
    demo.play(1, {H1: demo.good_update()})
    written = {key.split("\0")[1]: value for key, value in demo.ledger.state.items()}
    for kind, absent in (
        ("task", {"encrypted"}),
        ("update", {"shares"}),
        ("verdict", {"transcript"}),
    ):
        assert not absent & json.loads(written[kind]).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"encrypted": None},
        {"minimum_accepted": 2},
        {"rule": {"name": "none", "norm": 40_000_000}},
        {"verification": "plain"},
        {"encrypted": settings(parties=[A])},
        {"encrypted": settings(parties=[A, A])},
        {"encrypted": settings(parties=[A, B, A])},
        {"encrypted": settings(parties=[A, H1], services={A: "a:1", H1: "b:2", DEALER: "c:3"})},
        {"encrypted": settings(parties=[A, DEALER])},
        {"encrypted": settings(dealer=H1, services={A: "a:1", B: "b:2", H1: "c:3"})},
        {"encrypted": settings(dealer=B, services={A: "a:1", B: "b:2"})},
        {"encrypted": settings(dealer="StrangerMSP", services={A: "a:1", B: "b:2", "StrangerMSP": "c:3"})},
        {"encrypted": settings(services={A: "a:1", B: "b:2"})},
        {"encrypted": settings(services=settings()["services"] | {H1: "d:4"})},
        {"encrypted": settings(services=settings()["services"] | {A: "a.example"})},
        {"encrypted": settings(services=settings()["services"] | {A: "a.example:0"})},
        {"encrypted": settings(services=settings()["services"] | {A: "a.example:65536"})},
        {"encrypted": settings(services=settings()["services"] | {A: "http://a.example:1"})},
        {"encrypted": settings(comparison="linear")},
        {"encrypted": settings(batch=0)},
        {"encrypted": settings(batch=1025)},
        {"encrypted": settings(grayscale=1)},
        {"encrypted": settings(placement="hospital")},
        {"encrypted": settings(surplus=1)},
        {"encrypted": with_nodes(A, H1)},
        {"encrypted": with_nodes(A, B, H1, H1)},
        {"encrypted": with_nodes(A, B, DEALER)},
        {"encrypted": with_nodes(A, B, "StrangerMSP")},
        {"encrypted": settings(aggregators=[A, B, H1])},
        {"encrypted": settings(aggregators=A)},
        {"encrypted": {name: value for name, value in settings().items() if name != "batch"}},
        {"encrypted": []},
    ],
)
def test_limits(encrypted: Consortium, refused: Refused, change: dict[str, Any]) -> None:
    encrypted.init()
    refused("BAD_TASK", encrypted.submit, A, "CreateTask", encrypted.task(**change))


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_evaluated_encrypted_too(encrypted: Consortium, name: str) -> None:
    encrypted.init()
    created = encrypted.submit(A, "CreateTask", encrypted.task(model=GRAPHS[name]))
    assert created["model"] == GRAPHS[name]


def test_answers_are_as_many_as_images(encrypted: Consortium, refused: Refused) -> None:
    """Of two labels each image has two answers, and no count goes beyond a set's most images."""
    encrypted.init()
    task = encrypted.task(model=GRAPHS["densenet"], dataset_size=500_001)
    assert "1000002 answers" in refused("BAD_TASK", encrypted.submit, A, "CreateTask", task)


def test_weighted_needs_the_counts(encrypted: Consortium, refused: Refused) -> None:
    encrypted.init()
    rule = {"name": "weighted", "slack": 0, "weights": [1, 1]}
    task = encrypted.task(rule=rule, model=GRAPHS["tabular"])
    text = refused("BAD_TASK", encrypted.submit, A, "CreateTask", task | {"disclosure": "bit"})
    assert "which one bit hides" in text and "Use disclosure count" in text
    encrypted.submit(A, "CreateTask", task | {"disclosure": "count"})


def test_parties_are_the_tasks_verifiers(make: Make, refused: Refused) -> None:
    demo = make(EncryptedConsortium, verifiers=[A, B, C])
    demo.init()
    for verifiers in ([A, B, C], [A, C]):
        text = refused("BAD_TASK", demo.submit, A, "CreateTask", demo.task(verifiers=verifiers))
        assert text.endswith("Name the two parties as the task's verifiers")
    demo.submit(A, "CreateTask", demo.task(verifiers=[A, B]))


def test_three_organisations_are_told_apart_first(encrypted: Consortium, refused: Refused) -> None:
    encrypted.init()
    for same in ({"parties": [A, A]}, {"dealer": B}):
        task = encrypted.task(encrypted=settings(**same))
        text = refused("BAD_TASK", encrypted.submit, A, "CreateTask", task)
        assert "encrypted: Value error, the two parties and the dealer are three organisations" in text


@pytest.mark.parametrize("rule", [{"name": "none"}, {"name": "threshold", "threshold": 600, "norm": 5}])
def test_rules_over_single_updates(encrypted: Consortium, rule: dict[str, Any]) -> None:
    encrypted.begin(rule=rule, encrypted=settings(comparison="fss", batch=1024))


def test_update_is_its_commitments(encrypted: Consortium, refused: Refused) -> None:
    encrypted.begin()
    encrypted.submit(A, "OpenRound", "demo", 1)
    packed = encrypted.model(1)
    encrypted.hand_in(H1, packed)
    status = encrypted.read(H2, "ReadRoundStatus", "demo", 1)
    assert status["updates"][H1] == {
        "docType": "update",
        "task": "demo",
        "round": 1,
        "hospital": H1,
        "base": encrypted.base(),
        "layout": encrypted.layout,
        "nonce": NONCE,
        **hidden(packed),
    }
    assert status["verdicts"] == {H1: "pending"}
    assert encrypted.ledger.events[-1][0] == "UpdateSubmitted"
    assert not any(organisation.private for organisation in encrypted.ledger.organisations.values())
    refused("ALREADY_SUBMITTED", encrypted.hand_in, H1, packed)


@pytest.mark.parametrize(("placement", "hashes"), [("outsourced", "masks"), ("smv-semi-honest", "shares")])
def test_submission_that_does_not_fit(encrypted: Consortium, refused: Refused, placement: str, hashes: str) -> None:
    encrypted.begin(encrypted=settings(placement=placement))
    encrypted.submit(A, "OpenRound", "demo", 1)
    bare = {"base": encrypted.base(), "layout": encrypted.layout}
    good = bare | {"nonce": NONCE} | hidden(b"", placement)
    (another,) = {"outsourced", "smv-semi-honest"} - {placement}
    own, other = good[hashes][A], "1" * 64
    chunks = bare | {"chunks": [other]}
    for code, wrong in (
        ("BAD_UPDATE", bare | {"nonce": NONCE} | hidden(b"", another)),
        ("BAD_UPDATE", good | hidden(b"", another)),
        ("STALE_BASE", good | {"base": other}),
        ("BAD_LAYOUT", good | {"layout": other}),
        ("BAD_LAYOUT", good | {hashes: {A: own}}),
        ("BAD_LAYOUT", good | {hashes: {}}),
        ("BAD_LAYOUT", good | {hashes: good[hashes] | {DEALER: other}}),
        ("BAD_LAYOUT", good | {hashes: {A: own, C: other}}),
        ("BAD_UPDATE", good | {hashes: {A: own, B: "short"}}),
        ("BAD_UPDATE", good | {hashes: [own, other]}),
        ("BAD_UPDATE", good | {"chunks": [other]}),
        ("BAD_UPDATE", chunks),
        ("BAD_UPDATE", chunks | {"nonce": NONCE}),
        ("BAD_UPDATE", bare | hidden(b"", placement)),
        ("BAD_UPDATE", good | {"nonce": "9"}),
        ("BAD_UPDATE", good | {"nonce": None}),
        *(("BAD_UPDATE", good | {name: None}) for name in hidden(b"", placement)),
    ):
        refused(code, encrypted.submit, H1, "SubmitUpdate", "demo", 1, wrong)
    for msp, unit in ((A, "client"), (DEALER, "client"), (H1, "peer")):
        refused("ACCESS_DENIED", encrypted.submit, msp, "SubmitUpdate", "demo", 1, good, unit=unit)
    encrypted.submit(H1, "SubmitUpdate", "demo", 1, good)
    encrypted.submit(A, "CloseSubmissions", "demo", 1, "")
    refused("ROUND_CLOSED", encrypted.submit, H2, "SubmitUpdate", "demo", 1, good)


@pytest.mark.parametrize("placement", ["outsourced", "smv-semi-honest"])
def test_hidden_updates_are_for_encrypted_tasks(demo: Consortium, refused: Refused, placement: str) -> None:
    demo.submit(A, "OpenRound", "demo", 1)
    update = {"base": demo.base(), "layout": demo.layout, "nonce": NONCE} | hidden(b"", placement)
    text = refused("BAD_UPDATE", demo.submit, H1, "SubmitUpdate", "demo", 1, update)
    assert text.endswith("Send {base, layout, chunks}")


def test_plain_tasks_transactions_are_refused(encrypted: Consortium, refused: Refused) -> None:
    """Each names what takes its place, in whatever state the round is."""
    encrypted.begin()
    encrypted.submit(A, "OpenRound", "demo", 1)
    text = refused("WRONG_MODE", encrypted.put, H1, encrypted.model(1))
    assert "the verification of the task demo is encrypted" in text and "SubmitUpdate" in text
    for hospital in HOSPITALS:
        encrypted.hand_in(hospital, encrypted.model(1))
    encrypted.submit(A, "CloseSubmissions", "demo", 1, "")
    for function, arguments in (("PrepareVerdict", [H1]), ("PrepareRound", [])):
        assert "AttestVerdict" in refused("WRONG_MODE", encrypted.read, A, function, "demo", 1, *arguments)
    for function, arguments in (("VerifyUpdate", [H1]), ("VerifyRound", [])):
        assert "AttestVerdict" in refused("WRONG_MODE", encrypted.submit, A, function, "demo", 1, *arguments)
    for hospital in HOSPITALS:
        encrypted.verify(hospital)
    encrypted.submit(A, "CloseVerdicts", "demo", 1, "")
    assert "AttestAggregate" in refused("WRONG_MODE", encrypted.read, A, "PrepareAggregate", "demo", 1)
    assert "PutAggregateChunk" in refused("WRONG_MODE", encrypted.submit, A, "StoreModelChunk", "demo", 1, 0)
    encrypted.submit(A, "AbortRound", "demo", 1, "a test")
    assert "on the ledger" in refused("WRONG_MODE", encrypted.submit, A, "PurgeUpdates", "demo", 1)


def test_encrypted_tasks_transaction_in_a_plain_task(demo: Consortium, refused: Refused) -> None:
    packed = demo.model(1)
    described = {"chunks": modelformat.chunk_hashes(packed)}
    demo.submit(A, "OpenRound", "demo", 1)
    text = refused("WRONG_MODE", demo.submit, A, "PutAggregateChunk", "demo", 1, 0, described, chunk=packed)
    assert text.endswith("Send StoreModelChunk")
