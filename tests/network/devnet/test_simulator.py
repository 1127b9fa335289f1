# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import pytest

from medquorum.network.devnet.ledger.transaction import tx_id
from medquorum.network.devnet.peer.interest import Interest
from medquorum.network.devnet.peer.private_data import private_data
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet
from medquorum.network.devnet.peer.simulator import Refused
from medquorum_testing.network.devnet_ledger import CHAINCODE, A, B, C, HandMadeLedger


def put_private(made: HandMadeLedger, collection: str, key: str, value: bytes, endorsers: tuple[str, ...]) -> list[str]:
    result = ReadWriteSet()
    result.write_private(CHAINCODE, collection, key, value)
    return made.commit(made.transaction(result, endorsers))


def purge(made: HandMadeLedger, collection: str, key: str) -> list[str]:
    simulator = made.simulator()
    simulator.purge(CHAINCODE, collection, key)
    simulator.close()
    return made.commit(made.transaction(simulator.result))


def get_private(made: HandMadeLedger, collection: str, key: str, msp_id: str = A, creator: str = A) -> bytes:
    simulator = made.simulator(msp_id, creator)
    try:
        return simulator.get(CHAINCODE, collection, key)
    finally:
        simulator.close()


def get_hash(made: HandMadeLedger, collection: str, key: str, msp_id: str = C) -> bytes:
    simulator = made.simulator(msp_id, msp_id)
    try:
        return simulator.get_hash(CHAINCODE, collection, key)
    finally:
        simulator.close()


def test_own_writes_are_not_read(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "old"})
    simulator = hand_made.simulator()
    simulator.put(CHAINCODE, "", "k", b"new")
    assert simulator.get(CHAINCODE, "", "k") == b"old"
    assert dict(simulator.range(CHAINCODE, "", "")) == {"k": b"old"}
    simulator.close()


def test_a_simulation_sees_one_state(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "old"})
    simulator = hand_made.simulator()
    hand_made.put({"k": "new"})
    assert simulator.get(CHAINCODE, "", "k") == b"old"
    simulator.close()
    assert hand_made.get("k") == b"new"


def test_private_data_stays_with_its_members(hand_made: HandMadeLedger) -> None:
    assert put_private(hand_made, "ab", "k", b"secret", (A, B)) == ["VALID"]
    assert get_private(hand_made, "ab", "k") == b"secret"
    assert get_private(hand_made, "ab", "k", msp_id=B, creator=B) == b"secret"
    assert get_hash(hand_made, "ab", "k") == hashlib.sha256(b"secret").digest()
    with pytest.raises(Refused, match="private data matching public hash version is not available"):
        get_private(hand_made, "ab", "k", msp_id=C)
    with pytest.raises(Refused, match="read access"):
        get_private(hand_made, "ab", "k", creator=C)
    assert get_private(hand_made, "own", "absent", msp_id=C, creator=C) == b""
    with pytest.raises(Refused, match="could not be found"):
        get_private(hand_made, "nowhere", "k")


def test_member_only_write(hand_made: HandMadeLedger) -> None:
    simulator = hand_made.simulator(creator=C)
    with pytest.raises(Refused, match="write access"):
        simulator.put(CHAINCODE, "ab", "k", b"1")
    simulator.put(CHAINCODE, "brief", "k", b"1")
    simulator.close()


def test_the_block_holds_hashes_only(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "the key", b"the secret", (A, B))
    block = hand_made.last_block().SerializeToString()
    assert b"the secret" not in block and b"the key" not in block
    assert hashlib.sha256(b"the secret").digest() in block


def test_collection_policy_replaces_the_chaincodes(hand_made: HandMadeLedger) -> None:
    assert put_private(hand_made, "own", "k", b"1", (A,)) == ["VALID"]
    assert put_private(hand_made, "own", "k", b"1", (B, C)) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert put_private(hand_made, "ab", "k", b"1", (A,)) == ["ENDORSEMENT_POLICY_FAILURE"]


def test_private_ranges_only_without_writes(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "k1", b"1", (A, B))
    put_private(hand_made, "ab", "k2", b"2", (A, B))
    simulator = hand_made.simulator()
    assert dict(simulator.private_range(CHAINCODE, "ab", "", "")) == {"k1": b"1", "k2": b"2"}
    with pytest.raises(Refused, match="Writes are not allowed"):
        simulator.put(CHAINCODE, "", "k", b"1")
    simulator.close()
    simulator = hand_made.simulator()
    simulator.put(CHAINCODE, "", "k", b"1")
    with pytest.raises(Refused, match="read-only transaction"):
        simulator.private_range(CHAINCODE, "ab", "", "")
    simulator.close()


def test_stale_private_reads_conflict(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "k", b"1", (A, B))
    simulator = hand_made.simulator()
    simulator.get_hash(CHAINCODE, "ab", "k")
    simulator.put(CHAINCODE, "", "seen", b"1")
    simulator.close()
    put_private(hand_made, "ab", "k", b"2", (A, B))
    assert hand_made.commit(hand_made.transaction(simulator.result)) == ["MVCC_READ_CONFLICT"]


def test_purge_leaves_no_trace(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "k", b"first secret", (A, B))
    put_private(hand_made, "ab", "k", b"second secret", (A, B))
    assert purge(hand_made, "ab", "k") == ["VALID"]
    assert get_private(hand_made, "ab", "k") == b""
    assert get_hash(hand_made, "ab", "k") == b""
    with hand_made.ledger.store.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM private_write").fetchone() == (0,)
    put_private(hand_made, "ab", "k", b"third", (A, B))
    assert get_private(hand_made, "ab", "k") == b"third"


def test_block_to_live(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "brief", "k", b"1", (A, B))
    put_private(hand_made, "brief", "renewed", b"1", (A, B))
    hand_made.put({"filler": "1"})
    put_private(hand_made, "brief", "renewed", b"2", (A, B))
    assert get_private(hand_made, "brief", "k") == b"", "written in block 1, gone with block 1 + 2 + 1"
    hand_made.put({"filler": "2"})
    assert get_private(hand_made, "brief", "renewed") == b"2"
    assert get_hash(hand_made, "brief", "k") == b""


def test_a_member_that_was_down_gets_its_data_later(hand_made: HandMadeLedger) -> None:
    hand_made.ledger.members.down.add(B)
    put_private(hand_made, "ab", "k", b"1", (A, C))
    hand_made.ledger.members.down.discard(B)
    with pytest.raises(Refused, match="not available"):
        get_private(hand_made, "ab", "k", msp_id=B, creator=B)
    assert private_data(hand_made.ledger, 1, B, hand_made.msps.identity(hand_made.clients[B].serialized)) == {}
    hand_made.ledger.reconcile(B)
    assert get_private(hand_made, "ab", "k", msp_id=B, creator=B) == b"1"


def test_private_data_that_nobody_kept_stays_missing(hand_made: HandMadeLedger) -> None:
    result = ReadWriteSet()
    result.write_private(CHAINCODE, "ab", "k", b"1")
    envelope = hand_made.transaction(result, nonce=b"n" * 24)
    hand_made.ledger.transient.prune([tx_id(b"n" * 24, hand_made.clients[A].serialized)], 0)
    assert hand_made.commit(envelope) == ["VALID"]
    hand_made.ledger.reconcile(A)
    with pytest.raises(Refused, match="not available"):
        get_private(hand_made, "ab", "k")
    assert get_hash(hand_made, "ab", "k") == hashlib.sha256(b"1").digest()


def test_private_data_of_a_block(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "k", b"1", (A, B))
    who = {msp: hand_made.msps.identity(hand_made.clients[msp].serialized) for msp in (A, B, C)}
    found = private_data(hand_made.ledger, 1, A, who[A])
    assert found[0].ns_pvt_rwset[0].collection_pvt_rwset[0].collection_name == "ab"
    assert private_data(hand_made.ledger, 1, A, who[C]) == {}
    assert private_data(hand_made.ledger, 1, C, who[A]) == {}


def test_interest_follows_from_what_is_touched(hand_made: HandMadeLedger) -> None:
    put_private(hand_made, "ab", "k", b"1", (A, B))
    simulator = hand_made.simulator()
    simulator.get(CHAINCODE, "ab", "k")
    simulator.put(CHAINCODE, "own", "k", b"1")
    simulator.close()
    interest = Interest.of(simulator)
    assert interest.chaincodes == frozenset()
    assert interest.collections == {(CHAINCODE, "ab"), (CHAINCODE, "own")}
    assert interest.private_reads == {(CHAINCODE, "ab")}


def test_history_is_newest_first(hand_made: HandMadeLedger) -> None:
    for value in ("1", "2", ""):
        hand_made.put({"k": value})
    hand_made.put({"k": "never"}, endorsers=(A,))
    simulator = hand_made.simulator()
    versions = list(simulator.history(CHAINCODE, "k"))
    simulator.close()
    assert [(v.value, v.is_delete) for v in versions] == [(b"", True), (b"2", False), (b"1", False)]
    assert len({v.tx_id for v in versions}) == 3
