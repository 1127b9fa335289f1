# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.common.common_pb2 import BlockMetadataIndex, Envelope, Metadata, SignatureHeader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medquorum.core.block_header import header_bytes, header_hash
from medquorum.network.devnet.ledger.block import data_hash, validation_codes
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet
from medquorum.network.devnet.peer.simulator import Simulator
from medquorum.network.devnet.policy import policy
from medquorum.network.identity.msp import P256_ORDER
from medquorum_testing.network.devnet_ledger import CHAINCODE, A, B, C, HandMadeLedger

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"


def written(simulator: Simulator) -> ReadWriteSet:
    simulator.close()
    return simulator.result


def append(made: HandMadeLedger, key: str, text: str) -> bytes:
    """Read, then write: what conflicts."""
    simulator = made.simulator()
    value = simulator.get(CHAINCODE, "", key)
    simulator.put(CHAINCODE, "", key, value + text.encode())
    return made.transaction(written(simulator))


def set_policy(made: HandMadeLedger, key: str, required: int, *organisations: str) -> ReadWriteSet:
    parameter = policy.out_of(required, [f"{msp}.peer" for msp in organisations]).SerializeToString()
    simulator = made.simulator()
    simulator.put_metadata(CHAINCODE, "", key, VALIDATION_PARAMETER, parameter)
    return written(simulator)


def put(key: str, value: str) -> ReadWriteSet:
    result = ReadWriteSet()
    result.write(CHAINCODE, key, value.encode())
    return result


def test_the_chain_is_linked_signed_and_filtered(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    hand_made.put({"k": "2"}, endorsers=(A,))
    ledger = hand_made.ledger
    blocks = [ledger.block(number) for number in range(ledger.height)]
    assert ledger.height == 3 and ledger.block(3) is None
    assert all(b is not None for b in blocks)
    for before, after in itertools.pairwise(blocks):
        assert after.header.previous_hash == header_hash(before.header)
        assert after.header.data_hash == data_hash(after.data.data)
    assert ledger.tip_hash == header_hash(blocks[2].header)
    assert [list(validation_codes(block)) for block in blocks] == [[0], [0], [10]]
    metadata = Metadata.FromString(blocks[1].metadata.metadata[BlockMetadataIndex.SIGNATURES])
    (signature,) = metadata.signatures
    signer = hand_made.msps.identity(SignatureHeader.FromString(signature.signature_header).creator)
    assert signer.role == "orderer"
    signed = metadata.value + signature.signature_header + header_bytes(blocks[1].header)
    signer.verify(signed, signature.signature)


def test_mvcc_within_a_block_and_across_blocks(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "0"})
    stale = append(hand_made, "k", "x")
    assert hand_made.commit(append(hand_made, "k", "a"), append(hand_made, "k", "b")) == ["VALID", "MVCC_READ_CONFLICT"]
    assert hand_made.commit(stale) == ["MVCC_READ_CONFLICT"]
    assert hand_made.get("k") == b"0a"


def test_an_invalid_transaction_conflicts_with_nobody(hand_made: HandMadeLedger) -> None:
    simulator = hand_made.simulator()
    simulator.put(CHAINCODE, "", "k", b"bad")
    bad = hand_made.transaction(written(simulator), endorsers=(A,))
    assert hand_made.commit(bad, append(hand_made, "k", "good")) == ["ENDORSEMENT_POLICY_FAILURE", "VALID"]
    assert hand_made.get("k") == b"good"


@pytest.mark.parametrize("change", [{"b": "new"}, {"a": "other"}, {"c": ""}])
@pytest.mark.parametrize("same_block", [True, False])
def test_phantoms(hand_made: HandMadeLedger, change: dict[str, str], same_block: bool) -> None:
    hand_made.put({"a": "1", "c": "1"})
    simulator = hand_made.simulator()
    assert len(list(simulator.range(CHAINCODE, "a", "z"))) == 2
    simulator.put(CHAINCODE, "", "zz", b"2")
    counted = hand_made.transaction(written(simulator))
    if same_block:
        result = ReadWriteSet()
        for key, value in change.items():
            result.write(CHAINCODE, key, value.encode())
        assert hand_made.commit(hand_made.transaction(result), counted) == ["VALID", "PHANTOM_READ_CONFLICT"]
    else:
        hand_made.put(change)
        assert hand_made.commit(counted) == ["PHANTOM_READ_CONFLICT"]


def test_a_range_left_early_covers_what_was_read(hand_made: HandMadeLedger) -> None:
    hand_made.put({f"k{n}": "1" for n in range(5)})

    def read_two() -> bytes:
        simulator = hand_made.simulator()
        entries = simulator.range(CHAINCODE, "", "")
        next(entries), next(entries)
        simulator.put(CHAINCODE, "", "result", b"2")
        return hand_made.transaction(written(simulator))

    behind, within = read_two(), read_two()
    hand_made.put({"k3": "changed"})
    assert hand_made.commit(behind) == ["VALID"]
    hand_made.put({"k00": "between"})
    assert hand_made.commit(within) == ["PHANTOM_READ_CONFLICT"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_phantom_check_equals_a_second_run(hand_made: HandMadeLedger, data: st.DataObject) -> None:
    keys = st.sampled_from(["a", "b", "bb", "c", "ä", "\U0001f600"])
    hand_made.put(dict.fromkeys(data.draw(st.sets(keys, min_size=1)), "1"))
    start, end = data.draw(keys), data.draw(st.one_of(keys, st.just("")))
    simulator = hand_made.simulator()
    before = dict(simulator.range(CHAINCODE, start, end))
    result = written(simulator)
    changes = {key: data.draw(st.sampled_from(["", "new"])) for key in data.draw(st.sets(keys))}
    first = ReadWriteSet()
    for key, value in changes.items():
        first.write(CHAINCODE, key, value.encode())
    inside = {k for k in changes if start <= k and (not end or k < end)}
    disturbed = any(k in before or changes[k] for k in inside)
    codes = hand_made.commit(hand_made.transaction(first), hand_made.transaction(result))
    assert codes == ["VALID", "PHANTOM_READ_CONFLICT" if disturbed else "VALID"]
    hand_made.put(dict.fromkeys(["a", "b", "bb", "c", "ä", "\U0001f600"], ""))


def test_a_transaction_id_counts_once(hand_made: HandMadeLedger) -> None:
    one = hand_made.transaction(put("k", "1"))
    assert hand_made.commit(one, one) == ["VALID", "DUPLICATE_TXID"]
    assert hand_made.commit(one) == ["DUPLICATE_TXID"]


@pytest.mark.parametrize(
    ("endorsers", "code"),
    [
        ((A, B), "VALID"),
        ((B, C), "VALID"),
        ((A,), "ENDORSEMENT_POLICY_FAILURE"),
        ((A, A), "ENDORSEMENT_POLICY_FAILURE"),
        ((), "ENDORSEMENT_POLICY_FAILURE"),
    ],
)
def test_chaincode_policy(hand_made: HandMadeLedger, endorsers: tuple[str, ...], code: str) -> None:
    assert hand_made.commit(hand_made.transaction(put("k", "1"), endorsers)) == [code]


def test_a_write_needs_a_policy_even_without_writes(hand_made: HandMadeLedger) -> None:
    assert hand_made.commit(hand_made.transaction(ReadWriteSet(), (A,))) == ["ENDORSEMENT_POLICY_FAILURE"]
    unknown = hand_made.transaction(ReadWriteSet(), chaincode="nobody")
    assert hand_made.commit(unknown) == ["INVALID_CHAINCODE"]


def test_key_level_policy(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    assert hand_made.commit(hand_made.transaction(set_policy(hand_made, "k", 1, C))) == ["VALID"]
    assert hand_made.commit(hand_made.transaction(put("k", "2"), (A, B))) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert hand_made.commit(hand_made.transaction(put("k", "2"), (C,))) == ["VALID"]
    assert hand_made.commit(hand_made.transaction(put("k", "3"), (C,))) == ["VALID"], "a write keeps the policy"
    both = put("k", "4")
    both.write(CHAINCODE, "other", b"4")
    assert hand_made.commit(hand_made.transaction(both, (C,))) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert hand_made.commit(hand_made.transaction(both, (C, A))) == ["VALID"]


def test_a_policy_changed_in_the_block_refuses_the_rest_of_it(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    change = hand_made.transaction(set_policy(hand_made, "k", 3, A, B, C))
    assert hand_made.commit(change, hand_made.transaction(put("k", "2"), (A, B, C))) == [
        "VALID",
        "ENDORSEMENT_POLICY_FAILURE",
    ]
    assert hand_made.commit(hand_made.transaction(put("k", "2"), (A, B, C))) == ["VALID"]


def test_metadata_on_an_absent_key_is_lost(hand_made: HandMadeLedger) -> None:
    assert hand_made.commit(hand_made.transaction(set_policy(hand_made, "k", 1, C))) == ["VALID"]
    assert hand_made.put({"k": "1"}) == ["VALID"]
    together = put("j", "1")
    together.write_metadata(CHAINCODE, "j", VALIDATION_PARAMETER, policy.out_of(1, [f"{C}.peer"]).SerializeToString())
    assert hand_made.commit(hand_made.transaction(together)) == ["VALID"]
    assert hand_made.put({"j": "2"}) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert hand_made.put({"j": ""}, endorsers=(C,)) == ["VALID"]
    assert hand_made.put({"j": "3"}) == ["VALID"], "a delete loses the policy"


def test_an_empty_value_deletes(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    hand_made.put({"k": ""})
    simulator = hand_made.simulator()
    assert simulator.get(CHAINCODE, "", "k") == b""
    assert list(simulator.range(CHAINCODE, "", "")) == []
    assert [(m.value, m.is_delete) for m in simulator.history(CHAINCODE, "k")] == [(b"", True), (b"1", False)]
    simulator.close()


def test_bad_envelopes_take_their_place_in_the_block(hand_made: HandMadeLedger) -> None:
    good = hand_made.transaction(put("k", "1"))
    unsigned = Envelope.FromString(good)
    unsigned.signature = hand_made.clients[B].sign(unsigned.payload)
    assert hand_made.commit(b"\xff", unsigned.SerializeToString(), b"") == [
        "INVALID_OTHER_REASON",
        "BAD_CREATOR_SIGNATURE",
        "BAD_COMMON_HEADER",
    ]
    assert hand_made.get("k") == b""


def test_high_s_is_refused(hand_made: HandMadeLedger) -> None:
    envelope = Envelope.FromString(hand_made.transaction(put("k", "1")))
    r, s = decode_dss_signature(envelope.signature)
    assert 2 * s < P256_ORDER
    envelope.signature = encode_dss_signature(r, P256_ORDER - s)
    assert hand_made.commit(envelope.SerializeToString()) == ["BAD_CREATOR_SIGNATURE"]


def test_a_restart_continues_the_chain(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    tip = hand_made.ledger.tip_hash
    hand_made.close()
    hand_made.open()
    assert (hand_made.ledger.height, hand_made.ledger.tip_hash) == (2, tip)
    assert hand_made.put({"k": "2"}) == ["VALID"]
    assert hand_made.last_block().header.previous_hash == tip


def dump(made: HandMadeLedger) -> str:
    with made.ledger.store.snapshot() as connection:
        tables = ("block", "transactions", "state", "history", "hashed", "private_state", "private_write", "missing")
        return json.dumps({t: sorted(map(repr, connection.execute(f"SELECT * FROM {t}"))) for t in tables})


def test_blocks_without_their_state_are_applied_again(
    hand_made: HandMadeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the block file and the database: as if the database had stayed behind."""
    hand_made.put({"k": "1"})
    hand_made.close()
    folder = hand_made.folder.devnet
    before = {name: path.read_bytes() for path in folder.glob("state.db*") if (name := path.name)}
    hand_made.open()
    simulator = hand_made.simulator()
    simulator.put(CHAINCODE, "ab", "secret", b"private")
    private = hand_made.transaction(written(simulator))
    monkeypatch.setattr(hand_made.ledger.transient, "prune", lambda *_: None)
    hand_made.put({"k": "2", "gone": "1"})
    hand_made.commit(private, append(hand_made, "k", "!"), append(hand_made, "k", "?"))
    hand_made.put({"gone": ""})
    expected = dump(hand_made)
    hand_made.close()
    for path in folder.glob("state.db*"):
        path.unlink()
    for name, content in before.items():
        (folder / name).write_bytes(content)
    hand_made.open()
    assert dump(hand_made) == expected
    assert hand_made.get("k") == b"2!"


def test_a_half_written_block_is_dropped(hand_made: HandMadeLedger) -> None:
    hand_made.put({"k": "1"})
    path: Path = hand_made.folder.devnet / "blocks" / "blockfile_000000"
    hand_made.close()
    whole = path.read_bytes()
    path.write_bytes(whole + (1000).to_bytes(8, "big") + b"half a block")
    hand_made.open()
    assert hand_made.ledger.height == 2
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(whole).digest()
    assert hand_made.put({"k": "2"}) == ["VALID"]
