# SPDX-License-Identifier: Apache-2.0
"""VerifyUpdate: refusals, reasons, disclosure, and that endorsers write the same from public keys alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabric_protos.common import policies_pb2

from medquorum.chaincode.verification_sets import VerificationSets
from medquorum.gateway import EndorseError
from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, A, B, Consortium, verification_set
from medquorum_testing.ledger.memory_stub import MemoryStub, creator

H1, H2, H3 = HOSPITALS
Make = Callable[..., Consortium]
Refused = Callable[..., str]


def closed(demo: Consortium, updates: dict[str, bytes], **changes: Any) -> Consortium:
    """Begin, hand in the updates and freeze them."""
    demo.begin(**changes)
    demo.submit(A, "OpenRound", "demo", 1)
    for index, (hospital, packed) in enumerate(updates.items()):
        demo.hand_in(hospital, packed, salt=bytes([index] * 32))
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    return demo


def test_verdict_and_counts(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update(), H2: demo.good_update(9, shift=1)})
    verdict = demo.verify(H1)
    counts = verdict.pop("counts")
    assert verdict == {
        "docType": "verdict",
        "task": "demo",
        "round": 1,
        "hospital": H1,
        "accepted": True,
        "reason": None,
        "mode": "plain",
        "rule": "strict",
        "quality": counts["mixed"] - counts["base"],
    }
    assert 0 <= counts["base"] < counts["mixed"] <= counts["total"] == 40
    assert demo.read(H3, "ReadVerdict", "demo", 1, H2) == "pending"
    refusal = demo.verify(H2)
    assert (refusal["accepted"], refusal["reason"]) == (False, "RULE")
    refused("DECIDED", demo.submit, B, "VerifyUpdate", "demo", 1, H1)
    refused("UPDATE_MISSING", demo.submit, A, "VerifyUpdate", "demo", 1, H3)
    refused("UPDATE_MISSING", demo.read, A, "PrepareVerdict", "demo", 1, H3)
    refused("UPDATE_MISSING", demo.read, A, "ReadVerdict", "demo", 1, H3)


def test_bit_discloses_one_bit(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update(), H2: b"\xff\xff\xff\x7f" * (len(demo.model()) // 4)}, disclosure="bit")
    assert demo.prepare(A, "PrepareVerdict", "demo", 1, H2)["result"] == {"accepted": False, "reason": "RULE"}
    for hospital, accepted, reason in ((H1, True, None), (H2, False, "RULE")):
        verdict = demo.verify(hospital)
        assert (verdict["accepted"], verdict["reason"]) == (accepted, reason)
        assert not {"counts", "quality"} & verdict.keys()
    assert b"counts" not in b"".join(demo.ledger.state.values())


def test_range_is_part_of_every_rule(make: Make) -> None:
    for name in ("strict", "none"):
        demo = make()
        largest = (1 << 31) - 1
        wrapping = np.full(len(demo.model()) // 4, largest, dtype="<i4").tobytes()
        just_over = np.zeros(len(demo.model()) // 4, dtype="<i4")
        just_over[-1] = 1 << 19
        closed(demo, {H1: wrapping, H2: just_over.tobytes()}, rule={"name": name})
        assert [demo.verify(h)["reason"] for h in (H1, H2)] == ["RANGE", "RANGE"]


def test_malformed_bytes_are_a_refusal_on_every_verifier(make: Make) -> None:
    """The contract checks chunks on the way in; if another value is there all the same, nothing fails."""
    demo = make()
    demo.begin()
    demo.submit(A, "OpenRound", "demo", 1)
    for hospital, wrong in ((H1, b"\0" * 7), (H2, b"\0" * 32 + b"\5"), (H3, b"\0" * 32 + demo.model(1))):
        key = demo.ledger_key("update", "demo", "000001", hospital, "000000")
        demo.ledger.write_private("updates", key, wrong)
        chunks = [demo.ledger.hashes["updates", key].hex()]
        update = {"base": demo.base(), "layout": demo.layout, "chunks": chunks}
        demo.submit(hospital, "SubmitUpdate", "demo", 1, update)
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    assert [demo.verify(hospital)["reason"] for hospital in HOSPITALS] == ["MALFORMED"] * 3


def test_copy_of_another_update(make: Make) -> None:
    demo = make()
    good = demo.good_update()
    closed(demo, {H3: good, H1: good, H2: demo.good_update(1)})
    assert [demo.verify(h)["reason"] for h in (H3, H1, H2)] == ["DUPLICATE", None, None]


def test_duplicates_in_a_rule_over_the_round(make: Make, refused: Refused) -> None:
    demo = make()
    good = demo.good_update()
    closed(demo, {H1: good, H2: good, H3: demo.good_update(9, shift=1)}, rule={"name": "prefix", "slack": 0})
    refused("WRONG_RULE", demo.read, A, "PrepareVerdict", "demo", 1, H1)
    refused("WRONG_RULE", demo.submit, A, "VerifyUpdate", "demo", 1, H1)
    refused("NOT_READY", demo.submit, A, "VerifyRound", "demo", 1)
    results = {verifier: demo.prepare(verifier, "PrepareRound", "demo", 1)["results"] for verifier in (A, B)}
    assert results[A] == results[B]
    written = demo.submit(B, "VerifyRound", "demo", 1)
    assert {h: v["reason"] for h, v in written.items()} == {H1: None, H2: "DUPLICATE", H3: "RULE"}
    assert written[H1]["counts"]["aggregate"] >= written[H3]["counts"]["aggregate"]
    assert demo.ledger.events[-1] == ("RoundVerified", b'{"round":1,"task":"demo"}')
    refused("DECIDED", demo.submit, A, "VerifyRound", "demo", 1)
    assert demo.submit(A, "CloseVerdicts", "demo", 1, "")["accepted"] == [H1]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"name": "slack", "slack": 1000}, None),
        ({"name": "threshold", "threshold": 1000}, None),
        ({"name": "threshold", "threshold": 1000, "norm": 1}, "NORM"),
        ({"name": "floor", "slack": 0, "floor": 0, "floor_on": "r"}, None),
        ({"name": "none"}, None),
    ],
)
def test_rules(make: Make, rule: dict[str, Any], reason: str | None) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()}, rule=rule)
    verdict = demo.verify(H1)
    assert (verdict["reason"], verdict["rule"]) == (reason, rule["name"])


def test_round_rule_only_for_a_round_task(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    refused("WRONG_RULE", demo.read, A, "PrepareRound", "demo", 1)
    refused("WRONG_RULE", demo.submit, A, "VerifyRound", "demo", 1)


def test_endorsers_write_the_same_whatever_they_remember(make: Make) -> None:
    """Equal write sets on two verifiers; equal read sets of public keys before, after and without evaluation."""
    demo = make()
    closed(demo, {H1: demo.good_update(), H2: demo.good_update(1)})
    sender = creator(A)

    def simulate(peer: str) -> Any:
        return demo.ledger.simulate(peer, sender, "VerifyUpdate", "demo", "1", H2)

    unprepared = simulate(A)
    assert unprepared.response.message.startswith("NOT_READY: VerifierAMSP has not evaluated")
    demo.prepare(A, "PrepareVerdict", "demo", 1, H2)
    demo.prepare(B, "PrepareVerdict", "demo", 1, H2)
    first, second = simulate(A), simulate(B)
    assert first == second
    assert list(first.writes) == [demo.ledger_key("verdict", "demo", "000001", H2)]
    assert not first.policies
    assert first.reads == unprepared.reads
    assert not (first.private_reads or first.hash_reads or first.ranges or first.private_writes)
    demo.restart(A)
    again = simulate(A)
    assert again.response.message.startswith("NOT_READY")
    assert again.reads == first.reads


def test_differing_verifiers_do_not_agree_on_a_verdict(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    results = {}
    for verifier in (A, B):
        results[verifier] = demo.prepare(verifier, "PrepareVerdict", "demo", 1, H1)["result"]
    cache = demo.nodes[B].verdicts
    key = next(iter(cache._entries))
    true = cache.get(key)
    assert true is not None
    cache.put(key, (true[0].__class__(H1, False, counts=true[0].counts),))
    with pytest.raises(EndorseError):
        demo.submit(A, "VerifyUpdate", "demo", 1, H1)
    refused("VERDICTS_PENDING", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    demo.submit(A, "AttestVerdict", "demo", 1, H1, results[A])
    refused("VERDICTS_PENDING", demo.submit, A, "CloseVerdicts", "demo", 1, "")
    demo.submit(B, "AttestVerdict", "demo", 1, H1, results[B] | {"accepted": False, "reason": "RULE"})
    status = demo.read(H1, "ReadRoundStatus", "demo", 1)
    assert [status["attestations"][H1][who]["result"]["accepted"] for who in (A, B)] == [True, False]
    ended = demo.submit(A, "CloseVerdicts", "demo", 1, "")
    assert (ended["outcomes"], ended["state"], ended["reason"]) == ({H1: "no_quorum"}, "closed", "TOO_FEW")
    assert ended["model"] == ended["base"]


def test_attestations_are_checked(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()}, disclosure="bit")
    bit = {"accepted": False, "reason": "RULE"}
    refused("ACCESS_DENIED", demo.submit, H1, "AttestVerdict", "demo", 1, H1, bit)
    refused("UPDATE_MISSING", demo.submit, A, "AttestVerdict", "demo", 1, H2, bit)
    for wrong in ({}, {"accepted": 1, "reason": None}, bit | {"more": 1}, [], bit | {"reason": "x" * 65}):
        refused("BAD_ATTESTATION", demo.submit, A, "AttestVerdict", "demo", 1, H1, wrong)
    for secret in ({"counts": {"base": 3}}, {"quality": 2}, {"reason": "FLOOR"}):
        refused("BAD_ATTESTATION", demo.submit, A, "AttestVerdict", "demo", 1, H1, bit | secret)
    demo.submit(A, "AttestVerdict", "demo", 1, H1, bit)
    demo.verify(H1)
    refused("DECIDED", demo.submit, B, "AttestVerdict", "demo", 1, H1, bit)


def test_hospitals_cannot_verify(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    for verifier in (A, B):
        demo.prepare(verifier, "PrepareVerdict", "demo", 1, H1)
    for msp, unit in ((H1, "client"), (DEALER, "client"), (A, "peer"), ("StrangerMSP", "admin")):
        refused("ACCESS_DENIED", demo.submit, msp, "VerifyUpdate", "demo", 1, H1, unit=unit)
    demo.submit(B, "VerifyUpdate", "demo", 1, H1, unit="admin")


def test_a_peer_evaluates_for_its_own_organisation_only(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    ask = ("PrepareVerdict", "demo", "1", H1)
    refused("ACCESS_DENIED", demo.ledger.evaluate, B, creator(A), *ask)
    refused("ACCESS_DENIED", demo.ledger.evaluate, A, creator(A, "peer"), *ask)
    refused("DATASET", demo.ledger.evaluate, H1, creator(H1), *ask)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (
            "GET_STATE failed: private data matching public hash version is not available. Version (1, 0)",
            "DATA_MISSING",
        ),
        ("GET_STATE failed: the ledger is closed", "PEER"),
    ],
)
def test_peer_that_has_still_to_fetch_private_data(
    make: Make, refused: Refused, monkeypatch: pytest.MonkeyPatch, said: str, code: str
) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})

    def answer(*_: object) -> bytes:
        raise PeerError(said)

    monkeypatch.setattr(MemoryStub, "get_private_data", answer)
    refused(code, demo.prepare, B, "PrepareVerdict", "demo", 1, H1)


def test_verifier_without_the_private_data(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    held = demo.ledger.organisations[B].private
    ((place, value),) = held.items()
    del held[place]
    refused("DATA_MISSING", demo.prepare, B, "PrepareVerdict", "demo", 1, H1)
    held[place] = value[:-1] + b"\1"
    refused("DATA_MISSING", demo.prepare, B, "PrepareVerdict", "demo", 1, H1)
    demo.prepare(A, "PrepareVerdict", "demo", 1, H1)
    refused("NOT_READY", demo.ledger.submit, [A, B], creator(A), "VerifyUpdate", "demo", "1", H1)
    held[place] = value
    assert demo.verify(H1)["accepted"]


def test_another_verification_file(make: Make, refused: Refused, tmp_path: Path) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    other = verification_set(seed=8)
    folder = tmp_path / "other"
    folder.mkdir()
    sets = VerificationSets(folder)
    object.__setattr__(demo.nodes[B], "sets", sets)
    text = refused("DATASET", demo.read, B, "PrepareVerdict", "demo", 1, H1)
    assert "holds no *.safetensors file" in text
    other.write(folder / "b.safetensors")
    (folder / "a.safetensors").write_bytes(b"no set")
    text = refused("DATASET", demo.read, B, "PrepareVerdict", "demo", 1, H1)
    assert f"b.safetensors has {other.commitment()}" in text
    assert "a.safetensors is unreadable" in text
    demo.set.write(folder / "c.safetensors")
    assert demo.verify(H1)["accepted"]


def test_verification_set_of_another_size(make: Make, refused: Refused) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()}, dataset_size=41)
    text = refused("DATASET", demo.read, A, "PrepareVerdict", "demo", 1, H1)
    assert "has 40 images, the task says 41" in text


def test_base_model_out_of_range(make: Make, refused: Refused) -> None:
    demo = make()
    demo.init()
    name = demo.put_model(b"\xff\xff\xff\x7f" * (len(demo.model()) // 4))
    demo.submit(A, "CreateTask", demo.task(initial_model=name))
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, demo.good_update())
    demo.submit(A, "CloseSubmissions", "demo", 1, "")
    refused("BAD_MODEL", demo.prepare, A, "PrepareVerdict", "demo", 1, H1)
    demo.submit(A, "AbortRound", "demo", 1, "the initial model is out of range")


def test_stricter_task_restricts_the_verdict_key(make: Make) -> None:
    """A quorum of 3 of 3 where the chaincode's policy asks for 2: the pending verdict carries the policy."""
    third = "VerifierCMSP"
    demo = make(verifiers=[A, B, third])
    closed(demo, {H1: demo.good_update()}, quorum=3)
    key = demo.ledger_key("verdict", "demo", "000001", H1)
    policy = policies_pb2.SignaturePolicyEnvelope.FromString(demo.ledger.policies[key])
    assert (policy.rule.n_out_of.n, len(policy.identities)) == (3, 3)
    demo.quorum = 3
    assert demo.verify(H1)["accepted"]


def test_task_with_fewer_verifiers_restricts_too(make: Make) -> None:
    demo = make(verifiers=[A, B, "VerifierCMSP"])
    closed(demo, {H1: demo.good_update()}, verifiers=[A, B])
    keys = [("conclusion", "demo", "000001"), ("verdict", "demo", "000001", H1)]
    assert list(demo.ledger.policies) == [demo.ledger_key(*key) for key in keys]


def test_no_policy_where_the_chaincodes_is_as_strict(make: Make) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    assert demo.ledger.policies == {}


def test_ledger_holds_canonical_documents(make: Make) -> None:
    demo = make()
    closed(demo, {H1: demo.good_update()})
    demo.verify(H1)
    raw = demo.ledger.state[demo.ledger_key("verdict", "demo", "000001", H1)]
    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()
