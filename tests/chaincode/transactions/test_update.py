# SPDX-License-Identifier: Apache-2.0
"""Handing over an update: what the contract refuses before anything is evaluated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from medquorum.core import model as modelformat
from medquorum.core.documents.update import MAX_SUBMITTED, private_value
from medquorum_testing.ledger.consortium_ledger import DEALER, HOSPITALS, SALT, A, B, Consortium
from medquorum_testing.ledger.memory_stub import creator

H1, H2, H3 = HOSPITALS


@pytest.fixture
def opened(demo: Consortium) -> Consortium:
    demo.submit(A, "OpenRound", "demo", 1)
    return demo


Spoil = Callable[[bytes], bytes]


def update(demo: Consortium, **changes: Any) -> dict[str, Any]:
    value = private_value(SALT, demo.model(1))
    return {
        "base": demo.base(),
        "layout": demo.layout,
        "chunks": [hashlib.sha256(value).hexdigest()],
    } | changes


def test_submitted_update_is_frozen(opened: Consortium, refused: Callable[..., str]) -> None:
    opened.hand_in(H1, opened.model(1))
    status = opened.read(H2, "ReadRoundStatus", "demo", 1)
    assert status["updates"][H1] == {
        "docType": "update",
        "task": "demo",
        "round": 1,
        "hospital": H1,
        **update(opened),
    }
    assert status["verdicts"] == {H1: "pending"}
    assert opened.ledger.events[-1] == ("UpdateSubmitted", b'{"hospital":"Hospital1MSP","round":1,"task":"demo"}')
    refused("ALREADY_SUBMITTED", opened.hand_in, H1, opened.model(2))
    refused("ALREADY_SUBMITTED", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened))


def test_an_update_travels_with_its_submission(opened: Consortium, refused: Callable[..., str]) -> None:
    """One transaction in place of two; what it brings is bounded, in form, and what the document says."""
    value = private_value(SALT, opened.model(1))
    submit = ("SubmitUpdate", "demo", 1, update(opened))
    refused("BAD_CHUNK", opened.submit, H1, *submit, chunk0=value[:-1])
    refused("CHUNK_MISMATCH", opened.submit, H1, *submit, chunk0=private_value(bytes(32), opened.model(1)))
    refused("BAD_UPDATE", opened.submit, H1, *submit, chunk0=bytes(MAX_SUBMITTED + 1))
    refused("DATA_MISSING", opened.submit, H1, *submit, chunk1=value)
    assert not any(organisation.private for organisation in opened.ledger.organisations.values())
    opened.submit(H1, *submit, chunk0=value)
    assert list(opened.ledger.organisations[A].private.values()) == [value]
    assert not opened.ledger.organisations[H1].private
    opened.put(H2, opened.model(2))
    refused("ALREADY_PUT", opened.submit, H2, *submit, chunk0=value)


def test_parameters_stay_with_the_verifiers(opened: Consortium) -> None:
    packed = opened.model(1)
    opened.hand_in(H1, packed)

    def held(values: Iterable[bytes]) -> bool:
        return any(form in value for form in (packed, modelformat.stored_form(packed)) for value in values)

    for msp, organisation in opened.ledger.organisations.items():
        assert held(organisation.private.values()) == (msp in opened.verifiers)
    assert not held(opened.ledger.state.values())


@pytest.mark.parametrize("wrong", [b"", SALT, b"x" * 31, "short", "long"])
def test_chunk_of_another_length(opened: Consortium, refused: Callable[..., str], wrong: bytes | str) -> None:
    good = private_value(SALT, opened.model(1))
    value = {"short": good[:-1], "long": good + b"\0"}[wrong] if isinstance(wrong, str) else wrong
    text = refused("BAD_CHUNK", opened.submit, H1, "PutUpdateChunk", "demo", 1, 0, chunk=value)
    assert "chunk 0: a stored chunk" in text


def _whole(packed: bytes) -> bytes:
    """Return a form that leaves nothing out."""
    blocks = -(-len(packed) // 512)
    return bytes([32]) * blocks + np.frombuffer(packed.ljust(512 * blocks, b"\0"), np.uint8).reshape(-1, 4).T.tobytes()


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda packed: packed, "which of its bits are kept"),
        (lambda packed: b"\x21" + modelformat.stored_form(packed)[1:], "which of its bits are kept"),
        (_whole, "keeps more bits than its values need"),
    ],
    ids=["as it is", "33 bits a value", "all 32 bits"],
)
def test_chunk_in_another_form(opened: Consortium, refused: Callable[..., str], spoil: Spoil, cause: str) -> None:
    value = SALT + spoil(opened.model(1))
    assert cause in refused("BAD_CHUNK", opened.submit, H1, "PutUpdateChunk", "demo", 1, 0, chunk=value)


def test_chunk_without_bytes_or_place(opened: Consortium, refused: Callable[..., str]) -> None:
    refused("BAD_CHUNK", opened.submit, H1, "PutUpdateChunk", "demo", 1, 0)
    refused("BAD_CHUNK", opened.submit, H1, "PutUpdateChunk", "demo", 1, 1, chunk=private_value(SALT, opened.model(1)))


def test_submission_that_does_not_fit(opened: Consortium, refused: Callable[..., str]) -> None:
    other = "1" * 64
    refused("DATA_MISSING", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened))
    opened.put(H1, opened.model(1))
    refused("STALE_BASE", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, base=other))
    refused("BAD_LAYOUT", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, layout=other))
    refused("BAD_LAYOUT", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, chunks=[other] * 2))
    refused("CHUNK_MISMATCH", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, chunks=[other]))
    for chunks in ([], ["xyz"], "no list", [1], [other.upper().replace("1", "A")]):
        refused("BAD_UPDATE", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, chunks=chunks))
    refused("BAD_UPDATE", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened, hospital=H2))
    refused("BAD_UPDATE", opened.submit, H1, "SubmitUpdate", "demo", 1, [])
    opened.submit(H1, "SubmitUpdate", "demo", 1, update(opened))


def test_another_hospitals_chunk_is_not_ones_own(opened: Consortium, refused: Callable[..., str]) -> None:
    opened.put(H1, opened.model(1))
    refused("DATA_MISSING", opened.submit, H2, "SubmitUpdate", "demo", 1, update(opened))


@pytest.mark.parametrize(
    ("msp", "unit"),
    [(A, "client"), (DEALER, "client"), ("StrangerMSP", "client"), (H1, "peer"), (H1, "orderer"), (H1, "")],
)
def test_only_clients_of_the_tasks_hospitals(
    opened: Consortium, refused: Callable[..., str], msp: str, unit: str
) -> None:
    value = private_value(SALT, opened.model(1))
    unit = unit or "staff"
    refused("ACCESS_DENIED", opened.submit, msp, "PutUpdateChunk", "demo", 1, 0, unit=unit, chunk=value)
    refused("ACCESS_DENIED", opened.submit, msp, "SubmitUpdate", "demo", 1, update(opened), unit=unit)


def test_hospital_outside_the_task(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.begin(hospitals=[H1])
    demo.submit(A, "OpenRound", "demo", 1)
    text = refused("ACCESS_DENIED", demo.put, H2, demo.model(1))
    assert text.endswith(f"This is for {H1}")


def test_late_hospitals_are_told(opened: Consortium, refused: Callable[..., str]) -> None:
    opened.put(H1, opened.model(1))
    opened.submit(A, "CloseSubmissions", "demo", 1, "")
    text = refused("ROUND_CLOSED", opened.submit, H1, "SubmitUpdate", "demo", 1, update(opened))
    assert "round 1 of demo is verifying, not open" in text
    refused("ROUND_CLOSED", opened.put, H1, opened.model(1))
    refused("ROUND_MISSING", opened.put, H1, opened.model(1), 2)


def test_chunks_of_a_large_model(make: Callable[..., Consortium]) -> None:
    """Two chunks: the first full, hashed and read separately, and one submission of two hashes."""
    demo = make()
    demo.init()
    big = demo.document() | {
        "layers": [
            {"op": "flatten"},
            {"op": "dense", "name": "fc1", "in": 4, "out": 65536},
            {"op": "dense", "name": "mid", "in": 65536, "out": 12},
            {"op": "dense", "name": "fc2", "in": 12, "out": 4},
        ]
    }
    demo.description = modelformat.parse(big)
    packed = demo.model(3)
    name = demo.put_model(packed)
    demo.submit(A, "CreateTask", demo.task(model=big, initial_model=name))
    demo.submit(A, "OpenRound", "demo", 1)
    demo.hand_in(H1, packed)
    assert len(demo.read(A, "ReadRoundStatus", "demo", 1)["updates"][H1]["chunks"]) == 2
    read = [demo.chunk(A, name, i) for i in range(2)]
    assert b"".join(read) == packed


def test_purge(opened: Consortium, refused: Callable[..., str]) -> None:
    opened.hand_in(H1, opened.model(1))
    opened.put(H2, opened.model(2))
    refused("ROUND_STATE", opened.submit, A, "PurgeUpdates", "demo", 1)
    opened.submit(A, "AbortRound", "demo", 1, "a test")
    refused("ACCESS_DENIED", opened.submit, H1, "PurgeUpdates", "demo", 1)
    assert opened.submit(A, "PurgeUpdates", "demo", 1) == {"purged": 2}
    assert not any(organisation.private for organisation in opened.ledger.organisations.values())
    assert opened.submit(B, "PurgeUpdates", "demo", 1) == {"purged": 0}
    assert H1 in opened.read(A, "ReadRoundStatus", "demo", 1)["updates"], "hashes stay"


def test_a_chunk_is_put_once(opened: Consortium, refused: Callable[..., str]) -> None:
    """Each further version would lie in every verifier's private store until somebody purges it."""
    value = private_value(SALT, opened.model(1))
    for _ in range(3):
        assert opened.submit(H1, "PutUpdateChunk", "demo", 1, 0, chunk=value) == {
            "hash": hashlib.sha256(value).hexdigest()
        }
    again = opened.ledger.simulate(A, creator(H1), "PutUpdateChunk", "demo", "1", "0", transient={"chunk": value})
    assert not again.private_writes
    other = private_value(bytes(32), opened.model(1))
    refused("ALREADY_PUT", opened.submit, H1, "PutUpdateChunk", "demo", 1, 0, chunk=other)
    opened.submit(H1, "SubmitUpdate", "demo", 1, update(opened))


def test_puts_beside_each_other_conflict(opened: Consortium) -> None:
    """Both read that nothing is there: the later one in a block is invalid."""
    value = private_value(SALT, opened.model(1))
    first = opened.ledger.simulate(A, creator(H1), "PutUpdateChunk", "demo", "1", "0", transient={"chunk": value})
    assert [place for place, _ in first.private_writes.items()] == first.hash_reads


def test_purge_takes_what_a_hospital_left_that_never_submitted(opened: Consortium) -> None:
    """Also when it has left the task, and the consortium, since."""
    opened.put(H1, opened.model(1))
    opened.expel(H1)
    opened.submit(A, "UpdateHospitals", "demo", [H2, H3])
    opened.submit(A, "AbortRound", "demo", 1, "a test")
    assert opened.submit(A, "PurgeUpdates", "demo", 1) == {"purged": 1}
    assert not any(organisation.private for organisation in opened.ledger.organisations.values())


def test_task_that_keeps_its_updates(make: Callable[..., Consortium], refused: Callable[..., str]) -> None:
    demo = make()
    demo.begin(keep_updates=True)
    demo.submit(A, "OpenRound", "demo", 1)
    demo.submit(A, "AbortRound", "demo", 1, "a test")
    refused("KEEP_UPDATES", demo.submit, A, "PurgeUpdates", "demo", 1)
