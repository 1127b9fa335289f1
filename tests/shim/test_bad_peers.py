# SPDX-License-Identifier: Apache-2.0
"""Peers that refuse, mix up, cut off or flood: only the transaction concerned may suffer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2
from structlog.testing import capture_logs

from medquorum.shim import Chaincode, ChaincodeServer, PeerError, Response, Stub, server, stream, success
from medquorum_testing.chaincode.asset_chaincode import AssetChaincode
from medquorum_testing.chaincode.fake_peer import FakePeer, reply, response_of

Message = chaincode_shim_pb2.ChaincodeMessage
Serve = Callable[[Chaincode], ChaincodeServer]


class Blocking:
    """Waits in each invocation until released, then reads a key and reports how that went."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.release = threading.Event()
        self.outcomes: list[str] = []
        self.ended = threading.Semaphore(0)

    def invoke(self, stub: Stub) -> Response:
        self.started.release()
        assert self.release.wait(20)
        try:
            value = stub.get_state("k")
        except PeerError as refusal:
            self.outcomes.append(refusal.cause)
            raise
        else:
            self.outcomes.append("read")
            return success(value or b"nothing")
        finally:
            self.ended.release()


def test_registers_under_its_package_id(peer: FakePeer) -> None:
    assert peer.chaincode_id == "asset_1.0:" + "ab" * 32


def test_error_answers_become_peer_errors(peer: FakePeer) -> None:
    for kind in (Message.GET_STATE, Message.PUT_STATE, Message.WRITE_BATCH_STATE, Message.GET_STATE_BY_RANGE):
        peer.answers[kind] = lambda request: reply(request, "access denied é".encode(), Message.ERROR)
    for args in (("Get", "k"), ("Put", "k", "v"), ("Range", "", "")):
        response = peer.invoke(*args)
        assert (response.status, response.message) == (500, "PEER: access denied é")
    peer.answers.clear()
    assert peer.invoke("Put", "k", "v").status == 200


def test_error_in_the_middle_of_a_range(peer: FakePeer) -> None:
    peer.invoke("PutMany", "k", "10", "v")
    peer.answers[Message.QUERY_STATE_NEXT] = lambda request: reply(request, b"iterator lost", Message.ERROR)
    assert peer.invoke("Range", "", "").message == "PEER: iterator lost"


def test_answers_out_of_order_reach_their_own_transactions(peer: FakePeer) -> None:
    held: list[Any] = []
    both = threading.Event()

    def hold(request: Any) -> None:
        held.append(request)
        if len(held) == 2:
            both.set()

    peer.answers[Message.GET_STATE] = hold
    first, second = peer.start("Get", "a", tx_id="one"), peer.start("Get", "b", tx_id="two")
    assert both.wait(5)
    for request in sorted(held, key=lambda r: r.txid, reverse=True):
        peer.send(reply(request, b"for " + request.txid.encode()))
    assert response_of(second.result(5)).payload == b"for two"
    assert response_of(first.result(5)).payload == b"for one"


def test_same_transaction_id_on_two_channels(peer: FakePeer) -> None:
    peer.answers[Message.GET_STATE] = lambda request: reply(request, request.channel_id.encode())
    futures = {name: peer.start("Get", "k", tx_id="same", channel=name) for name in ("one", "two")}
    assert {name: response_of(f.result(5)).payload for name, f in futures.items()} == {"one": b"one", "two": b"two"}


def test_answers_nobody_asked_for_are_ignored(peer: FakePeer) -> None:
    for tx_id in ("never", ""):
        peer.send(Message(type=Message.RESPONSE, txid=tx_id, channel_id="mychannel", payload=b"x"))
        peer.send(Message(type=Message.ERROR, txid=tx_id, channel_id="mychannel", payload=b"x"))

    def twice(request: Any) -> Any:
        peer.send(reply(request, b"first"))
        return reply(request, b"second")

    peer.answers[Message.GET_STATE] = twice
    assert peer.invoke("Get", "k").payload == b"first"
    peer.answers.clear()
    assert peer.invoke("Append", "k", "v").payload == b"v"


def test_answer_of_the_wrong_shape(peer: FakePeer) -> None:
    peer.answers[Message.GET_STATE_BY_RANGE] = lambda request: reply(request, b"\xff\xff")
    assert peer.invoke("Range", "", "").status == 500
    peer.answers[Message.GET_STATE_MULTIPLE] = lambda request: reply(request, b"")
    peer.answers[Message.GET_STATE] = lambda request: reply(request, b"v")
    assert peer.invoke("GetMany", "a", "b").status in (200, 500)
    assert peer.invoke("Echo", "alive").status == 200


def test_unparsable_transactions_are_answered(peer: FakePeer) -> None:
    for broken in ({"payload": b"\xff"}, {"proposal": {"proposal_bytes": b"\xff"}}):
        message = Message(type=Message.TRANSACTION, txid="broken", channel_id="mychannel", **broken)
        response = response_of(peer.transact(message).result(5))
        assert response.status == 500
        assert response.message.startswith("BAD_")


def test_stream_cut_in_the_middle_of_an_invocation(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    address = serve_chaincode(chaincode).address
    with FakePeer(address) as peer:
        peer.answers[Message.GET_STATE] = lambda request: None
        chaincode.release.set()
        peer.start("F", tx_id="waiting")
        assert chaincode.started.acquire(timeout=5)
        chaincode.release.clear()
        peer.start("F", tx_id="computing")
        assert chaincode.started.acquire(timeout=5)
        while not peer.requests:
            peer.ended.wait(0.01)
    assert chaincode.ended.acquire(timeout=5), "the waiting invocation hangs"
    chaincode.release.set()
    assert chaincode.ended.acquire(timeout=5), "the computing invocation hangs"
    assert len(chaincode.outcomes) == 2
    assert not any(outcome == "read" for outcome in chaincode.outcomes)
    with FakePeer(address) as again:
        assert again.invoke("F").payload == b"nothing"


def test_two_peers_with_the_same_transaction_at_once(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    address = serve_chaincode(chaincode).address
    with FakePeer(address, state={("", "k"): b"one"}) as one, FakePeer(address, state={("", "k"): b"two"}) as two:
        futures = [peer.start("F", tx_id="same") for peer in (one, two)]
        assert all(chaincode.started.acquire(timeout=5) for _ in futures)
        chaincode.release.set()
        assert [response_of(f.result(5)).payload for f in futures] == [b"one", b"two"]


def test_one_peer_leaving_does_not_touch_the_other(server: ChaincodeServer) -> None:
    with FakePeer(server.address) as stays:
        with FakePeer(server.address) as leaves:
            assert leaves.invoke("Put", "k", "v").status == 200
        assert stays.invoke("Put", "k", "v").status == 200


def test_a_transaction_sent_twice_runs_once(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    with FakePeer(serve_chaincode(chaincode).address) as peer:
        peer.start("F", tx_id="same")
        assert chaincode.started.acquire(timeout=5)
        refused = peer.invoke("F", tx_id="same")
        assert refused.message.startswith("BUSY: this transaction is still running")
        chaincode.release.set()
        assert peer.invoke("F", tx_id="other").payload == b"nothing"
        assert all(chaincode.ended.acquire(timeout=5) for _ in range(2))
        assert len(chaincode.outcomes) == 2


def test_a_flood_is_refused(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    with FakePeer(serve_chaincode(chaincode).address) as peer:
        futures = [peer.start("F") for _ in range(server.TRANSACTIONS + 10)]
        refused = [response_of(f.result(10)) for f in futures[server.TRANSACTIONS :]]
        assert all(r.status == 500 and r.message.startswith("BUSY: ") for r in refused)
        chaincode.release.set()
        assert all(response_of(f.result(10)).status == 200 for f in futures[: server.TRANSACTIONS])
        assert peer.invoke("F").status == 200


@pytest.mark.slow
def test_ten_megabyte_values(peer: FakePeer) -> None:
    value = bytes(range(256)) * 40_960
    assert peer.invoke("PutTransient", "big", "v", transient={"v": value}).status == 200
    assert peer.state["", "big"] == value
    assert peer.invoke("Get", "big").payload == value


def test_messages_a_peer_would_choke_on_stay_here(peer: FakePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MESSAGE_LIMIT", 1 << 20)
    refused = peer.invoke("Fill", "k", str(2 << 20))
    assert refused.message.startswith("PEER: a request exceeds the 1048576 bytes a peer takes")
    peer.state["", "k"] = b"x" * (2 << 20)
    assert peer.invoke("Get", "k").message.startswith("TOO_LARGE: ")
    assert peer.invoke("Digest", "k").status == 200


def test_wrong_package_id_is_explained(server: ChaincodeServer) -> None:
    with capture_logs() as logs:
        with FakePeer(server.address, expected_id="another:id") as peer:
            assert peer.ended.wait(5)
        with FakePeer(server.address) as other:
            assert other.invoke("Echo").status == 200
    warning = next(entry for entry in logs if entry["log_level"] == "warning")
    assert "before the peer accepted" in warning["event"]
    assert "queryinstalled" in warning["remedy"]


def test_a_peer_that_never_accepts_is_let_go(server: ChaincodeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ACCEPTANCE_TIMEOUT", 0.05)
    monkeypatch.setattr(FakePeer, "_register", lambda peer, message: None)
    with capture_logs() as logs, FakePeer(server.address) as peer:
        assert peer.ended.wait(5)
    assert any("queryinstalled" in entry.get("remedy", "") for entry in logs)


@pytest.mark.parametrize(
    "kinds",
    [[Message.READY], [Message.TRANSACTION], [Message.REGISTERED, Message.TRANSACTION], [Message.UNDEFINED]],
)
def test_breaking_the_protocol_ends_the_stream(
    server: ChaincodeServer, monkeypatch: pytest.MonkeyPatch, kinds: list[int]
) -> None:
    def register(peer: FakePeer, message: Any) -> None:
        for kind in kinds:
            peer.send(Message(type=kind, payload=chaincode_pb2.ChaincodeInput().SerializeToString()))

    monkeypatch.setattr(FakePeer, "_register", register)
    with FakePeer(server.address) as peer:
        assert peer.ended.wait(5)


def test_a_type_that_nobody_knows_is_named_as_the_cause(peer: FakePeer) -> None:
    with capture_logs() as logs:
        peer.send(Message(type=4711))
        assert peer.ended.wait(5)
    assert [log["text"] for log in logs if log["event"] == "protocol error"] == [
        "type 4711 is not allowed while the stream is ready"
    ]
    assert "the peer broke the protocol" in [log.get("cause") for log in logs]


def test_keep_alive_is_echoed(peer: FakePeer) -> None:
    peer.send(Message(type=Message.KEEPALIVE))
    assert peer.invoke("Echo").status == 200
    assert Message.KEEPALIVE in {request.type for request in peer.requests}


def test_faults_of_the_contract(peer: FakePeer) -> None:
    with capture_logs() as logs:
        crashed = peer.invoke("Crash", tx_id="crashed")
        refused = peer.invoke("Refuse", "ROUND_CLOSED", "round 3 is closed")
    assert (crashed.status, crashed.message) == (500, "INTERNAL: RuntimeError")
    assert (refused.status, refused.message) == (500, "ROUND_CLOSED: round 3 is closed. Do something else")
    entry = next(entry for entry in logs if entry["log_level"] == "error")
    assert entry["tx_id"] == "crashed"
    assert "must not leave" not in repr(logs)


def test_a_contract_that_answers_nonsense(serve_chaincode: Serve) -> None:
    class Nonsense:
        def invoke(self, stub: Stub) -> Response:
            if stub.get_args()[0] == b"Exit":
                raise SystemExit(3)
            return None

    with FakePeer(serve_chaincode(Nonsense()).address) as peer:
        assert peer.invoke("F").message == "INTERNAL: AttributeError"
        assert peer.invoke("Exit").message == "INTERNAL: SystemExit"


def test_no_payload_in_any_log(server: ChaincodeServer) -> None:
    with capture_logs() as logs, FakePeer(server.address) as peer:
        for args in (
            ("Put", "key", "TOPSECRET"),
            ("PutPrivate", "col", "key"),
            ("Get", "TOPSECRET"),
            ("Crash", "TOPSECRET"),
            ("TOPSECRET",),
        ):
            peer.invoke(*args, transient={"value": b"TOPSECRET"})
    assert logs
    assert "TOPSECRET" not in repr(logs)


def test_stop_lets_running_transactions_finish(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    running = serve_chaincode(chaincode)
    with FakePeer(running.address) as peer:
        future = peer.start("F")
        assert chaincode.started.acquire(timeout=5)
        stopping = threading.Thread(target=running.stop, args=(10.0,))
        stopping.start()
        assert not running.wait(0.05)
        chaincode.release.set()
        assert response_of(future.result(5)).payload == b"nothing"
        assert running.wait(10)
        stopping.join(5)
        assert peer.ended.wait(5)


def test_stop_does_not_wait_for_a_transaction_without_end(serve_chaincode: Serve) -> None:
    chaincode = Blocking()
    running = serve_chaincode(chaincode)
    with FakePeer(running.address) as peer:
        peer.start("F")
        assert chaincode.started.acquire(timeout=5)
        running.stop(grace=0.05)
        assert running.wait(0)
    chaincode.release.set()
    assert chaincode.ended.acquire(timeout=5)
    assert chaincode.outcomes == ["the chaincode stops"]


def test_asset_chaincode_is_a_chaincode() -> None:
    chaincode: Chaincode = AssetChaincode()
    assert callable(chaincode.invoke)
