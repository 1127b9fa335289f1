# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` on the ledger: the root before the updates, weights in the verdicts, defined ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from medquorum.core import model as modelformat
from medquorum.core.combination import Combination
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, SALT, A, B, Consortium

FIRST, SECOND, THIRD = HOSPITALS
Refused = Callable[..., str]


@pytest.fixture
def directed(make: Callable[..., Consortium]) -> Consortium:
    """A consortium with an open round under the rule ``direction``."""
    consortium = make()
    consortium.begin(rule={"name": "direction"}, model_tolerance=1000)
    consortium.submit(A, "OpenRound", "demo", 1)
    return consortium


def towards(consortium: Consortium, aim: bytes, share: float, base: bytes | None = None) -> bytes:
    """Return a model on the way from the base to an aim; a negative share goes away from it."""
    origin = np.frombuffer(base or consortium.model(), "<i4").astype(np.int64)
    step = share * (np.frombuffer(aim, "<i4") - origin)
    return (origin + step.astype(np.int64)).astype("<i4").tobytes()


def close(consortium: Consortium, number: int = 1) -> dict[str, Any]:
    consortium.submit(A, "CloseSubmissions", "demo", number, "")
    consortium.verify_round(number)
    closed: dict[str, Any] = consortium.submit(A, "CloseVerdicts", "demo", number, "")
    return closed


def test_no_update_is_taken_before_the_root_is_bound(directed: Consortium, refused: Refused) -> None:
    refused("ROOT_MISSING", directed.put, FIRST, directed.good_update())
    refused("ROOT_MISSING", directed.hand_in, FIRST, directed.good_update())
    directed.submit_root(B, directed.good_update(8))
    directed.hand_in(FIRST, directed.good_update())


def test_a_round_takes_what_points_like_the_root_with_weights(directed: Consortium) -> None:
    directed.submit_root(A, directed.good_update(8))
    good = directed.good_update(1)
    updates = {
        FIRST: towards(directed, good, 0.6),
        SECOND: towards(directed, directed.good_update(2), 0.5),
        THIRD: towards(directed, good, -0.5),
    }
    for hospital, packed in updates.items():
        directed.hand_in(hospital, packed)
    directed.attest_root(B)
    current = close(directed)
    assert current["state"] == "aggregating"
    assert current["outcomes"] == {FIRST: "accepted", SECOND: "accepted", THIRD: "refused"}
    verdicts = directed.read(A, "ReadRoundStatus", "demo", 1)["verdicts"]
    assert verdicts[THIRD]["reason"] == "DIRECTION" and "weight" not in verdicts[THIRD]
    weights = {hospital: verdicts[hospital]["weight"] for hospital in (FIRST, SECOND)}
    assert current["weights"] == weights
    assert sum(weights.values()) in (256, 128, 64, 32, 16)
    directed.attest()
    directed.store()
    done = directed.submit(A, "CloseRound", "demo", 1, "")
    expected = Combination(directed.description, modelformat.unpack(directed.description, directed.model()), weights)
    for hospital in expected.names:
        expected.add(hospital, modelformat.unpack(directed.description, updates[hospital]))
    assert directed.chunk(FIRST, done["model"]) == modelformat.pack(directed.description, expected.rounded())
    assert directed.read(A, "ReadScores", "demo")[THIRD]["refused"] == 1


@pytest.mark.parametrize(("drops", "heard"), [(1, [FIRST, SECOND]), (0, [FIRST, SECOND, THIRD])])
def test_who_passes_the_gate_and_spoils_the_mean_has_no_weight(
    make: Callable[..., Consortium], drops: int, heard: list[str]
) -> None:
    consortium = make()
    consortium.begin(rule={"name": "direction", "drops": drops}, model_tolerance=1000)
    consortium.submit(A, "OpenRound", "demo", 1)
    consortium.submit_root(A, consortium.good_update(8))
    updates = {
        FIRST: towards(consortium, consortium.good_update(1), 0.6),
        SECOND: towards(consortium, consortium.good_update(2), 0.5),
        THIRD: towards(consortium, consortium.good_update(3, shift=1), 0.6),
    }
    for hospital, packed in updates.items():
        consortium.hand_in(hospital, packed)
    consortium.attest_root(B)
    current = close(consortium)
    assert set(current["outcomes"].values()) == {"accepted"}
    assert [hospital for hospital, weight in sorted(current["weights"].items()) if weight] == heard


def test_a_norm_bound_refuses_what_is_too_far_and_nothing_else(make: Callable[..., Consortium]) -> None:
    consortium = make()
    good, base = (np.frombuffer(packed, "<i4") / 65_536 for packed in (consortium.good_update(1), consortium.model()))
    bound = int(600 * np.linalg.norm(good - base))
    consortium.begin(rule={"name": "direction", "norm": bound}, model_tolerance=1000)
    consortium.submit(A, "OpenRound", "demo", 1)
    consortium.submit_root(A, consortium.good_update(8))
    for hospital, share in zip(HOSPITALS, (0.5, 0.4, 0.7), strict=True):
        consortium.hand_in(hospital, towards(consortium, consortium.good_update(1), share))
    consortium.attest_root(B)
    close(consortium)
    verdicts = consortium.read(A, "ReadRoundStatus", "demo", 1)["verdicts"]
    assert verdicts[THIRD]["reason"] == "NORM"
    assert verdicts[FIRST]["accepted"] and verdicts[SECOND]["accepted"]


def test_a_weight_of_zero_is_no_refusal_and_a_round_that_gains_nothing_keeps_its_base(directed: Consortium) -> None:
    directed.submit_root(A, directed.good_update(8, shift=1))
    for seed, hospital in enumerate(HOSPITALS):
        directed.hand_in(hospital, directed.good_update(seed, shift=1))
    directed.attest_root(B)
    current = close(directed)
    assert current["reason"] == "NO_GAIN"
    assert (current["state"], current["model"]) == ("closed", current["base"])
    assert set(current["outcomes"].values()) == {"accepted"}
    assert current["weights"] == dict.fromkeys(HOSPITALS, 0)


def test_one_root_for_each_round(directed: Consortium, refused: Refused) -> None:
    directed.put(B, directed.good_update(8), function="PutRootChunk")
    directed.submit_root(A, directed.good_update(9))
    refused("ALREADY_SUBMITTED", directed.submit_root, B, directed.good_update(8))
    refused("ALREADY_SUBMITTED", directed.submit, B, "PutRootChunk", "demo", 1, 0, chunk=SALT)


def test_a_root_has_the_rounds_base_and_layout_and_its_own_chunks(directed: Consortium, refused: Refused) -> None:
    good = directed.good_update(8)
    refused("STALE_BASE", directed.submit_root, A, good, base="0" * 64)
    refused("BAD_LAYOUT", directed.submit_root, A, good, layout="0" * 64)
    refused("BAD_LAYOUT", directed.submit_root, A, good, chunks=["0" * 64] * 2)
    refused("CHUNK_MISMATCH", directed.submit_root, A, good, chunks=["0" * 64])
    refused("BAD_UPDATE", directed.submit_root, A, good, round=2)
    refused("ALREADY_PUT", directed.submit_root, A, directed.good_update(9))
    refused("BAD_CHUNK", directed.submit, B, "PutRootChunk", "demo", 1, 0, chunk=SALT + b"short")
    refused("BAD_CHUNK", directed.submit, B, "PutRootChunk", "demo", 1, 1, chunk=SALT)


def test_roots_are_for_verifiers_of_such_a_task(make: Callable[..., Consortium], refused: Refused) -> None:
    consortium = make()
    consortium.begin()
    consortium.submit(A, "OpenRound", "demo", 1)
    refused("WRONG_RULE", consortium.submit_root, A, consortium.good_update())
    refused("ACCESS_DENIED", consortium.submit_root, FIRST, consortium.good_update())
    assert consortium.read(A, "ReadRoundStatus", "demo", 1)["root"] is None


def test_only_a_verifier_reads_a_root_and_at_its_own_peer(directed: Consortium, refused: Refused) -> None:
    directed.submit_root(A, directed.good_update(8))
    refused("ACCESS_DENIED", directed.read, FIRST, "ReadRootChunk", "demo", 1, 0)


def test_an_attestation_is_of_the_root_on_the_ledger_once_and_not_the_makers(
    directed: Consortium, refused: Refused
) -> None:
    refused("ROOT_MISSING", directed.submit, B, "AttestRoot", "demo", 1, {"root": "0" * 64, "holds": True})
    directed.submit_root(A, directed.good_update(8))
    refused("ATTESTATION_MISMATCH", directed.submit, B, "AttestRoot", "demo", 1, {"root": "0" * 64, "holds": True})
    refused("BAD_ATTESTATION", directed.submit, B, "AttestRoot", "demo", 1, {"root": "0" * 64, "holds": 1})
    refused("ALREADY_ATTESTED", directed.attest_root, A)
    refused("ACCESS_DENIED", directed.submit, FIRST, "AttestRoot", "demo", 1, {"root": "0" * 64, "holds": True})
    directed.attest_root(B)
    refused("ALREADY_ATTESTED", directed.attest_root, B, holds=False)


def test_nothing_is_judged_before_the_root_is_attested(directed: Consortium, refused: Refused) -> None:
    directed.submit_root(A, directed.good_update(8))
    directed.hand_in(FIRST, directed.good_update())
    directed.submit(A, "CloseSubmissions", "demo", 1, "")
    refused("NOT_READY", directed.read, A, "PrepareRound", "demo", 1)
    refused("NOT_READY", directed.submit, A, "VerifyRound", "demo", 1)
    directed.attest_root(B)
    assert directed.verify_round()[FIRST]["accepted"]


def test_a_root_that_the_others_refuse_ends_the_round_with_its_base(directed: Consortium) -> None:
    directed.submit_root(A, directed.good_update(8))
    directed.hand_in(FIRST, directed.good_update())
    directed.attest_root(B, holds=False)
    current = close(directed)
    assert (current["state"], current["model"], current["reason"]) == ("closed", current["base"], "TOO_FEW")
    assert current["outcomes"] == {FIRST: "unjudged"}
    verdict = directed.read(A, "ReadRoundStatus", "demo", 1)["verdicts"][FIRST]
    assert (verdict["accepted"], verdict["reason"]) == (False, "ROOT")


@pytest.mark.parametrize("kind", ["no step", "out of range"])
def test_a_root_that_points_nowhere_is_no_verdict_on_the_updates(directed: Consortium, kind: str) -> None:
    root = directed.model()
    directed.submit_root(A, root if kind == "no step" else b"\xff\xff\xff\x7f" * (len(root) // 4))
    directed.hand_in(FIRST, directed.good_update())
    directed.attest_root(B)
    assert close(directed)["outcomes"] == {FIRST: "unjudged"}


def test_a_restarted_verifier_finds_the_same_verdicts(directed: Consortium) -> None:
    directed.submit_root(A, directed.good_update(8))
    for seed, hospital in enumerate(HOSPITALS):
        directed.hand_in(hospital, directed.good_update(seed))
    directed.attest_root(B)
    directed.submit(A, "CloseSubmissions", "demo", 1, "")
    before = directed.prepare(A, "PrepareRound", "demo", 1)
    directed.restart(A)
    assert directed.prepare(A, "PrepareRound", "demo", 1) == before


def test_roots_are_purged_with_the_updates(directed: Consortium, refused: Refused) -> None:
    directed.submit_root(A, directed.good_update(8))
    directed.hand_in(FIRST, directed.good_update())
    directed.submit(A, "AbortRound", "demo", 1, "enough")
    assert directed.submit(A, "PurgeUpdates", "demo", 1) == {"purged": 2}
    refused("CHUNK_MISSING", directed.read, A, "ReadRootChunk", "demo", 1, 0)


def test_updates_out_of_form_are_refused_for_what_they_are(directed: Consortium) -> None:
    directed.submit_root(A, directed.good_update(8))
    good = directed.good_update(1)
    directed.hand_in(FIRST, good)
    directed.hand_in(SECOND, good)
    directed.hand_in(THIRD, b"\xff\xff\xff\x7f" * (len(good) // 4))
    directed.attest_root(B)
    close(directed)
    verdicts = directed.read(A, "ReadRoundStatus", "demo", 1)["verdicts"]
    assert [verdicts[hospital]["reason"] for hospital in HOSPITALS] == [None, "DUPLICATE", "RANGE"]
