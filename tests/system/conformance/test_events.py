# SPDX-License-Identifier: Apache-2.0
"""Features: chaincode event listening; block event listening."""

from __future__ import annotations

from typing import Any

import pytest

from medquorum_testing.gateway.scenario import BlockKind, Outcome, Prepared, ScenarioClient, Stream

KINDS: list[BlockKind] = ["full", "filtered", "private"]


def emit(client: ScenarioClient, key: str, payload: str) -> tuple[Prepared, Outcome]:
    prepared = client.endorse("PutAndEmit", key, payload, "Made", payload)
    client.send(prepared)
    return prepared, client.status(prepared)


def expected(sent: tuple[Prepared, Outcome], payload: str) -> dict[str, Any]:
    prepared, outcome = sent
    return {
        "block": outcome.block,
        "transaction_id": prepared.transaction_id,
        "name": "Made",
        "payload": payload,
    }


def find(stream: Stream, transaction_id: str) -> dict[str, Any]:
    """Read blocks until the one with the transaction."""
    while True:
        block = stream.next()
        if any(one["transaction_id"] == transaction_id for one in block["transactions"]):
            return block


def test_receive_chaincode_event(client1: ScenarioClient, key: str) -> None:
    first = emit(client1, key, "0")
    stream = client1.events(start=first[1].block)
    assert stream.next() == expected(first, "0")
    live = emit(client1, key, "1")
    assert stream.next() == expected(live, "1")
    stream.close()


def test_replay_chaincode_event(client1: ScenarioClient, client2: ScenarioClient, key: str) -> None:
    sent = [emit(client1, key, str(n)) for n in range(3)]
    for client in (client1, client2):
        stream = client.events(start=sent[0][1].block)
        assert [stream.next() for _ in sent] == [expected(one, str(n)) for n, one in enumerate(sent)]
        stream.close()


def test_checkpoint_of_chaincode_events(client1: ScenarioClient, key: str) -> None:
    sent = [emit(client1, key, str(n)) for n in range(3)]
    prepared, outcome = sent[0]
    after_transaction = client1.events(checkpoint=(outcome.block, prepared.transaction_id))
    assert after_transaction.next() == expected(sent[1], "1")
    after_transaction.close()
    after_block = client1.events(start=0, checkpoint=(sent[1][1].block, None))
    assert after_block.next() == expected(sent[2], "2")
    after_block.close()


def test_a_checkpoint_between_the_events_of_a_block(client1: ScenarioClient, key: str) -> None:
    both = [client1.endorse("PutAndEmit", f"{key}{n}", "v", "Made", str(n)) for n in range(2)]
    for prepared in both:
        client1.send(prepared)
    first, second = [(prepared, client1.status(prepared)) for prepared in both]
    stream = client1.events(checkpoint=(first[1].block, first[0].transaction_id))
    assert stream.next() == expected(second, "1")
    stream.close()


def test_restart_after_closing_chaincode_event_session(client1: ScenarioClient, key: str) -> None:
    first = emit(client1, key, "0")
    stream = client1.events(start=first[1].block)
    stream.next()
    stream.close()
    missed = emit(client1, key, "1")
    again = client1.events(start=missed[1].block)
    assert again.next() == expected(missed, "1")
    again.close()


def test_close_does_not_interrupt_other_chaincode_event_listeners(client1: ScenarioClient, key: str) -> None:
    start = emit(client1, key, "0")
    one, other = (client1.events(start=start[1].block) for _ in range(2))
    one.next()
    other.next()
    one.close()
    live = emit(client1, key, "1")
    assert other.next() == expected(live, "1")
    other.close()


def test_invalid_transactions_have_no_events(client1: ScenarioClient, key: str) -> None:
    start = emit(client1, key, "0")
    stale = client1.endorse("Append", key, "late")
    event_of_stale = client1.endorse("PutAndEmit", f"{key}-other", "v", "Made", "valid")
    emit(client1, key, "1")
    client1.send(stale)
    assert client1.status(stale).code == "MVCC_READ_CONFLICT"
    client1.send(event_of_stale)
    stream = client1.events(start=start[1].block)
    assert [stream.next()["payload"] for _ in range(3)] == ["0", "1", "valid"]
    stream.close()


@pytest.mark.parametrize("kind", KINDS)
def test_receive_block_event(client1: ScenarioClient, key: str, kind: BlockKind) -> None:
    first = emit(client1, key, "0")
    stream = client1.blocks(kind, start=first[1].block)
    assert find(stream, first[0].transaction_id)["block"] == first[1].block
    live = emit(client1, key, "1")
    block = find(stream, live[0].transaction_id)
    stream.close()
    assert block["block"] == live[1].block
    assert {"transaction_id": live[0].transaction_id, "code": "VALID"} in block["transactions"]


@pytest.mark.parametrize("kind", KINDS)
def test_replay_block_event_from_the_first_block(client1: ScenarioClient, kind: BlockKind) -> None:
    stream = client1.blocks(kind, start=0)
    assert [stream.next()["block"] for _ in range(3)] == [0, 1, 2]
    stream.close()


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint_of_block_events(client1: ScenarioClient, kind: BlockKind) -> None:
    after_block = client1.blocks(kind, checkpoint=(1, None))
    assert after_block.next()["block"] == 2
    after_block.close()
    in_block = client1.blocks(kind, start=5, checkpoint=(1, "some-transaction"))
    assert in_block.next()["block"] == 1
    in_block.close()


def test_close_does_not_interrupt_other_block_event_listeners(client1: ScenarioClient, key: str) -> None:
    one, other = (client1.blocks("filtered", start=0) for _ in range(2))
    one.next()
    one.close()
    live = emit(client1, key, "1")
    assert find(other, live[0].transaction_id)["block"] == live[1].block
    other.close()


def test_full_blocks_say_why_a_transaction_is_invalid(client1: ScenarioClient, key: str) -> None:
    stale = client1.endorse("Append", key, "late")
    client1.submit("Put", key, "first")
    client1.send(stale)
    outcome = client1.status(stale)
    for kind in KINDS:
        stream = client1.blocks(kind, start=outcome.block)
        block = stream.next()
        stream.close()
        assert {"transaction_id": stale.transaction_id, "code": "MVCC_READ_CONFLICT"} in block["transactions"]
