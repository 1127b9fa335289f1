# SPDX-License-Identifier: Apache-2.0
"""Transactions that were right when endorsed: conflicts and duplicates."""

from __future__ import annotations

from medquorum_testing.gateway.scenario import ScenarioClient, endorsed_alike


def test_mvcc_read_conflict(client1: ScenarioClient, key: str) -> None:
    client1.submit("Put", key, "0")
    both = [endorsed_alike(client1, "Append", key, value) for value in ("1", "2")]
    for prepared in both:
        client1.send(prepared)
    outcomes = [client1.status(prepared) for prepared in both]
    assert [outcome.code for outcome in outcomes] == ["VALID", "MVCC_READ_CONFLICT"]
    assert client1.evaluate("Get", key) == "01"


def test_a_stale_read_conflicts_blocks_later(client1: ScenarioClient, key: str) -> None:
    stale = client1.endorse("Append", key, "late")
    client1.submit("Put", key, "first")
    client1.send(stale)
    assert client1.status(stale).code == "MVCC_READ_CONFLICT"
    assert client1.evaluate("Get", key) == "first"


def test_blind_writes_do_not_conflict(client1: ScenarioClient, key: str) -> None:
    both = [client1.endorse("Put", key, value) for value in ("1", "2")]
    for prepared in both:
        client1.send(prepared)
    assert [client1.status(prepared).code for prepared in both] == ["VALID", "VALID"]
    assert client1.evaluate("Get", key) == "2"


def test_phantom_read_conflict(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutMany", key, "2", "v")
    counting = endorsed_alike(client1, "CountInto", f"{key}0", f"{key}9", f"{key}~count")
    assert counting.result == "2"
    client1.submit("Put", f"{key}5", "new")
    client1.send(counting)
    assert client1.status(counting).code == "PHANTOM_READ_CONFLICT"


def test_a_changed_value_in_a_range_is_a_conflict(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutMany", key, "2", "v")
    counting = endorsed_alike(client1, "CountInto", f"{key}0", f"{key}9", f"{key}~count")
    client1.submit("PutMany", key, "1", "changed")
    client1.send(counting)
    assert client1.status(counting).code == "PHANTOM_READ_CONFLICT"


def test_a_range_untouched_is_no_conflict(client1: ScenarioClient, key: str) -> None:
    client1.submit("PutMany", key, "2", "v")
    counting = endorsed_alike(client1, "CountInto", f"{key}0", f"{key}9", f"{key}~count")
    client1.submit("Put", f"{key}~outside", "new")
    client1.send(counting)
    assert client1.status(counting).code == "VALID"
    assert client1.evaluate("Get", f"{key}~count") == "2"


def test_a_transaction_sent_twice_counts_once(client1: ScenarioClient, key: str) -> None:
    prepared = client1.endorse("Append", key, "once")
    client1.send(prepared)
    first = client1.status(prepared)
    client1.send(prepared)
    client1.submit("Put", f"{key}-next", "1")
    assert client1.status(prepared) == first
    assert first.code == "VALID"
    assert client1.evaluate("Get", key) == "once"


def test_a_transaction_sent_twice_is_in_the_blocks_as_a_duplicate(client1: ScenarioClient, key: str) -> None:
    prepared = client1.endorse("Put", key, "once")
    client1.send(prepared)
    first = client1.status(prepared)
    client1.send(prepared)
    codes: list[str] = []
    stream = client1.blocks("filtered", start=first.block)
    while len(codes) < 2:
        codes += [
            transaction["code"]
            for transaction in stream.next()["transactions"]
            if transaction["transaction_id"] == prepared.transaction_id
        ]
    stream.close()
    assert codes == ["VALID", "DUPLICATE_TXID"]
