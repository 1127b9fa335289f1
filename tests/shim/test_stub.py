# SPDX-License-Identifier: Apache-2.0
"""Every call of the stub against a peer that keeps its state in memory, with and without batches."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from fabric_protos.peer import chaincode_shim_pb2

from medquorum_testing.chaincode.fake_peer import FakePeer, reply

Message = chaincode_shim_pb2.ChaincodeMessage


def value_of(response: Any) -> Any:
    assert response.status == 200, response.message
    return json.loads(response.payload)


def kinds(peer: FakePeer) -> list[str]:
    return [Message.Type.Name(request.type) for request in peer.requests]


def test_put_get_delete(peer: FakePeer) -> None:
    assert peer.invoke("Put", "k", "v").status == 200
    assert peer.state == {("", "k"): b"v"}
    assert peer.invoke("Get", "k").payload == b"v"
    assert peer.invoke("Del", "k").status == 200
    refused = peer.invoke("Get", "k")
    assert (refused.status, refused.message) == (500, "NOT_FOUND: The asset k does not exist")


def test_writes_are_batched_only_where_the_peer_offers_it(peer: FakePeer) -> None:
    assert peer.invoke("PutMany", "k", "10", "v").status == 200
    assert len(peer.state) == 10
    assert kinds(peer) in (["WRITE_BATCH_STATE"] * 3, ["PUT_STATE"] * 10)


def test_large_writes_do_not_wait_for_a_full_batch(peer: FakePeer) -> None:
    assert peer.invoke("PutMany", "k", "3", "v" * (3 << 20)).status == 200
    assert len(kinds(peer)) == 3


def test_reads_of_several_keys_keep_their_order(peer: FakePeer) -> None:
    peer.invoke("PutMany", "k", "5", "v")
    peer.requests.clear()
    names = ["k000004", "none", "k000001", "k000000"]
    assert value_of(peer.invoke("GetMany", *names)) == ["v", None, "v", "v"]
    assert kinds(peer) in (["GET_STATE_MULTIPLE"] * 2, ["GET_STATE"] * 4)


def test_range_pages_through_all_results_in_order(peer: FakePeer) -> None:
    peer.invoke("PutMany", "k", "10", "v")
    peer.invoke("PutComposite", "kind", "hidden", "a")
    every = [[f"k{n:06d}", "v"] for n in range(10)]
    assert value_of(peer.invoke("Range", "", "")) == every
    assert value_of(peer.invoke("Range", "k000002", "k000004")) == every[2:4]
    assert "QUERY_STATE_CLOSE" not in kinds(peer)


def test_a_range_left_early_is_closed_with_the_next_request(peer: FakePeer) -> None:
    peer.invoke("PutMany", "k", "10", "v")
    peer.requests.clear()
    assert peer.invoke("First", "", "").payload == b"k000000"
    assert kinds(peer) == ["GET_STATE_BY_RANGE", "QUERY_STATE_CLOSE", "GET_STATE"]
    assert not peer.cursors


def test_composite_keys(peer: FakePeer) -> None:
    for attributes in (("a", "1"), ("a", "2"), ("b", "1"), ("ab", "1")):
        peer.invoke("PutComposite", "kind", "-".join(attributes), *attributes)
    assert value_of(peer.invoke("ListComposite", "kind", "a")) == [[["a", "1"], "a-1"], [["a", "2"], "a-2"]]
    assert len(value_of(peer.invoke("ListComposite", "kind"))) == 4
    assert value_of(peer.invoke("ListComposite", "kin")) == []


def test_history(peer: FakePeer) -> None:
    peer.invoke("Put", "k", "1", tx_id="a")
    peer.invoke("Put", "k", "2", tx_id="b")
    peer.invoke("Del", "k", tx_id="c")
    peer.invoke("Put", "k", "3", tx_id="d")
    versions = value_of(peer.invoke("History", "k"))
    assert [(v["txId"], v["value"], v["isDelete"]) for v in versions] == [
        ("d", "3", False),
        ("c", "", True),
        ("b", "2", False),
        ("a", "1", False),
    ]


def test_private_data(peer: FakePeer) -> None:
    assert peer.invoke("PutPrivate", "col", "k", transient={"value": b"secret"}).status == 200
    assert peer.state == {("col", "k"): b"secret"}
    assert peer.invoke("GetPrivate", "col", "k").payload == b"secret"
    assert peer.invoke("HashPrivate", "col", "k").payload.decode() == hashlib.sha256(b"secret").hexdigest()
    assert value_of(peer.invoke("RangePrivate", "col", "", "")) == [["k", "secret"]]
    assert value_of(peer.invoke("GetManyPrivate", "col", "k", "none")) == ["secret", None]
    peer.invoke("PutCompositePrivate", "col", "kind", "a", transient={"value": b"2"})
    assert value_of(peer.invoke("ListCompositePrivate", "col", "kind")) == [[["a"], "2"]]
    assert "WRITE_BATCH_STATE" not in kinds(peer)
    assert peer.invoke("DelPrivate", "col", "k").status == 200
    assert peer.invoke("PurgePrivate", "col", "k").status == 200
    assert kinds(peer)[-2:] == ["DEL_STATE", "PURGE_PRIVATE_DATA"]
    assert peer.invoke("HashPrivate", "col", "k").status == 500


def test_key_level_policies(peer: FakePeer) -> None:
    assert peer.invoke("GetPolicy", "k").payload == b""
    assert peer.invoke("SetPolicy", "k", "2", "BMSP", "AMSP").status == 200
    policy = peer.metadata["", "k"]["VALIDATION_PARAMETER"]
    assert peer.invoke("GetPolicy", "k").payload.decode() == policy.hex()
    peer.invoke("DropPolicy", "k")
    assert peer.invoke("GetPolicy", "k").payload == b""
    peer.invoke("SetPrivatePolicy", "col", "k", "1", "AMSP")
    assert peer.invoke("GetPrivatePolicy", "col", "k").payload != b""


def test_what_the_proposal_carries(peer: FakePeer) -> None:
    assert value_of(peer.invoke("Echo", "a", "é")) == ["a", "é"]
    assert peer.invoke("Transient", "t", transient={"t": b"\x00\xff"}).payload == b"\x00\xff"
    assert peer.invoke("TxId", tx_id="abc").payload == b"abc"
    assert peer.invoke("Channel", channel="other").payload == b"other"
    assert peer.invoke("Timestamp").payload == b"1700000000000000005"


def test_event_goes_with_a_success_only(peer: FakePeer) -> None:
    event = peer.start("Emit", "Done", "payload").result(5).chaincode_event
    assert (event.event_name, event.payload) == ("Done", b"payload")
    failed = peer.start("Emit", "", "payload").result(5)
    assert not failed.HasField("chaincode_event")
    assert b"BAD_EVENT" in failed.payload


def test_other_chaincodes(peer: FakePeer) -> None:
    assert peer.invoke("Call", "other", "", "F", "x").payload == b"other:F,x"
    assert peer.invoke("Call", "other", "ch2", "F").payload == b"other/ch2:F"


def test_failure_inside_another_chaincode_reaches_the_caller(peer: FakePeer) -> None:
    inner = Message(type=Message.ERROR, payload=b"the other one failed").SerializeToString()
    peer.answers[Message.INVOKE_CHAINCODE] = lambda request: reply(request, inner)
    assert peer.invoke("Call", "other", "", "F").message == "PEER: the other one failed"


def test_init_message_runs_the_chaincode(peer: FakePeer) -> None:
    assert peer.invoke("Init", "x", kind=Message.INIT).status == 200
    assert peer.state["", "init"] == b'["x"]'


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("Put", "", "v"), "BAD_KEY"),
        (("Put", "\x00k", "v"), "BAD_KEY"),
        (("Put", "\x00\U0010ffff\x00", "v"), "BAD_KEY"),
        (("Get", ""), "BAD_KEY"),
        (("Get", "\x00"), "BAD_KEY"),
        (("Del", ""), "BAD_KEY"),
        (("History", ""), "BAD_KEY"),
        (("GetMany", "a", ""), "BAD_KEY"),
        (("Range", "\x00", ""), "BAD_KEY"),
        (("Range", "a", "\x00b"), "BAD_KEY"),
        (("PutComposite", "", "v", "a"), "BAD_KEY"),
        (("PutComposite", "t", "v", "a\x00"), "BAD_KEY"),
        (("ListComposite", "t\U0010ffff"), "BAD_KEY"),
        (("PutEmpty", "k"), "EMPTY_VALUE"),
        (("GetPrivate", "", "k"), "BAD_COLLECTION"),
        (("DelPrivate", "", "k"), "BAD_COLLECTION"),
        (("RangePrivate", "", "", ""), "BAD_COLLECTION"),
        (("SetPolicy", "k", "3", "AMSP", "BMSP"), "BAD_POLICY"),
        (("SetPolicy", "k", "1", "AMSP", "AMSP"), "BAD_POLICY"),
        (("SetPolicy", "k", "0", "AMSP"), "BAD_POLICY"),
        (("WhoAmI",), "BAD_IDENTITY"),
    ],
)
def test_what_the_peer_would_let_through_is_refused(peer: FakePeer, args: tuple[str, ...], code: str) -> None:
    response = peer.invoke(*args)
    assert response.status == 500
    assert response.message.startswith(f"{code}: ")
    assert peer.state == {}


def test_a_composite_key_is_a_key(peer: FakePeer) -> None:
    assert peer.invoke("Put", "\x00t\x00a\x00", "v").status == 200
    assert peer.invoke("Get", "\x00t\x00a\x00").payload == b"v"
