# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from fabric_protos.common.common_pb2 import ChannelHeader, Payload, SignatureHeader, Status
from fabric_protos.gateway.gateway_pb2 import ChaincodeEventsRequest, ChaincodeEventsResponse
from fabric_protos.orderer.ab_pb2 import SeekInfo
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent as EventMessage

from medquorum.gateway import BlockKind, Gateway, GatewayError, InMemoryCheckpointer, X509Identity, connect
from medquorum_testing.gateway.fake_gateway import Failure, FakeGateway


@pytest.fixture
def service() -> FakeGateway:
    events = [
        EventMessage(chaincode_id="asset", tx_id=f"t{n}", event_name="Made", payload=bytes([n])) for n in range(3)
    ]
    return FakeGateway(
        events=[
            ChaincodeEventsResponse(events=events[:2], block_number=4),
            ChaincodeEventsResponse(events=events[2:], block_number=5),
        ],
        blocks=[3, 4],
    )


def last_request(service: FakeGateway) -> ChaincodeEventsRequest:
    return ChaincodeEventsRequest.FromString(service.requests["ChaincodeEvents"][-1].request)


def last_seek(service: FakeGateway) -> SeekInfo:
    return SeekInfo.FromString(Payload.FromString(service.requests["Deliver"][-1].payload).data)


def test_events_come_one_by_one_with_their_block(gateway: Gateway) -> None:
    with gateway.get_network("mychannel").chaincode_events("asset") as events:
        got = [next(events) for _ in range(3)]
    assert [(e.block_number, e.transaction_id, e.chaincode, e.name, e.payload) for e in got] == [
        (4, "t0", "asset", "Made", b"\0"),
        (4, "t1", "asset", "Made", b"\1"),
        (5, "t2", "asset", "Made", b"\2"),
    ]


def test_closing_ends_an_iteration_that_waits_in_another_thread(gateway: Gateway) -> None:
    events = gateway.get_network("mychannel").chaincode_events("asset")
    seen: list[str] = []
    third = threading.Event()

    def read() -> None:
        for event in events:
            seen.append(event.transaction_id)
            if len(seen) == 3:
                third.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert third.wait(10)
    events.close()
    reader.join(10)
    assert not reader.is_alive()
    assert seen == ["t0", "t1", "t2"]
    assert list(events) == []


def test_a_closed_stream_gives_no_more_events_it_has_already_received(gateway: Gateway) -> None:
    events = gateway.get_network("mychannel").chaincode_events("asset")
    next(events)
    events.close()
    assert list(events) == []


def test_a_failing_stream_raises(service: FakeGateway, gateway: Gateway) -> None:
    service.failures["ChaincodeEvents"] = [Failure(grpc.StatusCode.PERMISSION_DENIED, "no")]
    with pytest.raises(GatewayError) as caught:
        next(gateway.get_network("mychannel").chaincode_events("asset"))
    assert caught.value.code == "PERMISSION_DENIED"


def test_a_streams_timeout_ends_it_with_an_error(gateway: Gateway) -> None:
    got = []
    with pytest.raises(GatewayError) as caught:
        for event in gateway.get_network("mychannel").chaincode_events("asset", timeout=0.5):
            got.append(event)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert len(got) == 3


def test_where_a_stream_starts(service: FakeGateway, gateway: Gateway) -> None:
    network = gateway.get_network("mychannel")
    checkpoint = InMemoryCheckpointer()

    def start(**options: Any) -> ChaincodeEventsRequest:
        with network.chaincode_events("asset", **options) as events:
            next(events)
        return last_request(service)

    assert start().start_position.WhichOneof("Type") == "next_commit"
    assert start(checkpoint=checkpoint).start_position.WhichOneof("Type") == "next_commit"
    assert start(start_block=0, checkpoint=checkpoint).start_position.specified.number == 0
    assert start(start_block=0).start_position.WhichOneof("Type") == "specified"
    checkpoint.checkpoint_transaction(9, "t9")
    request = start(start_block=1, checkpoint=checkpoint)
    assert (request.start_position.specified.number, request.after_transaction_id) == (9, "t9")
    checkpoint.checkpoint_block(9)
    request = start(checkpoint=checkpoint)
    assert (request.start_position.specified.number, request.after_transaction_id) == (10, "")


def test_blocks_are_asked_for_to_the_end_of_time(
    service: FakeGateway, gateway: Gateway, identity: X509Identity
) -> None:
    with gateway.get_network("mychannel").block_events(BlockKind.FILTERED, start_block=3) as blocks:
        assert [next(blocks).number, next(blocks).number] == [3, 4]
    seek = last_seek(service)
    assert seek.start.specified.number == 3
    assert seek.stop.specified.number > 2**53
    header = Payload.FromString(service.requests["Deliver"][0].payload).header
    channel = ChannelHeader.FromString(header.channel_header)
    assert (channel.type, channel.channel_id) == (5, "mychannel")
    assert SignatureHeader.FromString(header.signature_header).creator == identity.creator
    assert service.requests["Deliver"][0].signature


def test_a_status_instead_of_a_block_is_an_error(service: FakeGateway, gateway: Gateway) -> None:
    service.deliver_status = Status.FORBIDDEN
    with pytest.raises(GatewayError) as caught:
        next(gateway.get_network("mychannel").block_events())
    assert caught.value.code == "FORBIDDEN"


def test_event_requests_can_be_signed_off_line(
    channel: grpc.Channel, identity: X509Identity, sign: Callable[[bytes], bytes]
) -> None:
    gateway = connect(channel, identity)
    network = gateway.get_network("mychannel")
    events = network.new_chaincode_events_request("asset", start_block=0)
    with gateway.new_signed_chaincode_events_request(events.to_bytes(), sign(events.digest)).events() as stream:
        assert next(stream).transaction_id == "t0"
    blocks = network.new_block_events_request(BlockKind.FILTERED, start_block=0)
    signed = gateway.new_signed_block_events_request(blocks.to_bytes(), sign(blocks.digest), BlockKind.FILTERED)
    with signed.events() as stream:
        assert next(stream).number == 3
