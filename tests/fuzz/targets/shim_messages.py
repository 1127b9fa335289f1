# SPDX-License-Identifier: Apache-2.0
"""What a peer sends a chaincode: messages of the stream, and answers to each request of a transaction."""

from fabric_protos.common import common_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim
from google.protobuf.message import DecodeError

from medquorum.shim import PeerError, Response, success
from medquorum.shim.invocation import run as invoke
from medquorum.shim.stream import PeerStream
from medquorum.shim.stub import PeerOffer

Message = shim.ChaincodeMessage


class Peer:
    """Answers requests with the same bytes, for a while: they may say that more results follow."""

    channel_id, tx_id = "mychannel", "one"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._left = 10

    def ask(self, kind: int, payload: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise PeerError("the peer has gone")
        return self._answer


class Reading:
    """A chaincode that reads all there is to read."""

    def invoke(self, stub) -> Response:
        stub.get_args(), stub.get_transient(), stub.get_creator(), stub.get_tx_timestamp()
        reads = [
            lambda: stub.get_state("a"),
            lambda: stub.get_multiple_states(["a", "b"]),
            lambda: list(stub.get_state_by_range("", "")),
            lambda: list(stub.get_history_for_key("a")),
            lambda: stub.get_state_validation_parameter("a"),
            lambda: stub.get_private_data("c", "a"),
            lambda: stub.get_multiple_private_data("c", ["a", "b"]),
            lambda: stub.get_private_data_hash("c", "a"),
            lambda: list(stub.get_private_data_by_range("c", "", "")),
            lambda: stub.invoke_chaincode("other", [b"a"]),
        ]
        for read in reads:
            self.then(read)
        return success(b"")

    def then(self, read) -> None:
        """Read on in the next transaction: one refusal ends the first."""


class Executor:
    """Runs nothing: the stream alone is looked at."""

    def submit(self, task, size: int) -> bool:
        return False


class One(Reading):
    """Makes the read of one number, and leaves the others out."""

    def __init__(self, number: int) -> None:
        self._left = number

    def then(self, read) -> None:
        if self._left == 0:
            read()
        self._left -= 1


def proposal() -> proposal_pb2.SignedProposal:
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(channel_id="mychannel", tx_id="one").SerializeToString(),
        signature_header=common_pb2.SignatureHeader(creator=b"creator", nonce=b"n").SerializeToString(),
    ).SerializeToString()
    payload = proposal_pb2.ChaincodeProposalPayload(TransientMap={"a": b"b"}).SerializeToString()
    whole = proposal_pb2.Proposal(header=header, payload=payload)
    return proposal_pb2.SignedProposal(proposal_bytes=whole.SerializeToString())


INPUT = chaincode_pb2.ChaincodeInput(args=[b"Get", b"k"]).SerializeToString()
TRANSACTION = Message(
    type=Message.TRANSACTION, payload=INPUT, txid="one", channel_id="mychannel", proposal=proposal()
)  # fmt: skip
KV = kv_query_result_pb2.KV(namespace="n", key="k", value=b"v").SerializeToString()
ANSWERS = [
    b"value",
    shim.QueryResponse(results=[shim.QueryResultBytes(resultBytes=KV)], has_more=False, id="q").SerializeToString(),
    shim.GetStateMultipleResult(values=[b"a", b"b"]).SerializeToString(),
    shim.StateMetadataResult(
        entries=[shim.StateMetadata(metakey="VALIDATION_PARAMETER", value=b"p")]
    ).SerializeToString(),
    Message(
        type=Message.COMPLETED,
        payload=proposal_response_pb2.Response(status=200, payload=b"x").SerializeToString(),
    ).SerializeToString(),
]
OFFER = chaincode_pb2.ChaincodeAdditionalParams(use_write_batch=True).SerializeToString()
STREAM = [
    Message(type=Message.REGISTERED).SerializeToString(),
    Message(type=Message.READY, payload=OFFER).SerializeToString(),
    TRANSACTION.SerializeToString(),
]
SEEDS = [b"S" + b"".join(len(one).to_bytes(2, "big") + one for one in STREAM)]
SEEDS += [b"T" + TRANSACTION.SerializeToString()]
SEEDS += [b"A" + bytes([number]) + answer for number in range(10) for answer in ANSWERS]


def run(data: bytes) -> None:
    kind, data = data[:1], data[1:]
    try:
        if kind == b"S":
            stream(data)
        elif kind == b"T":
            answered(One(99), Message.FromString(data), b"value")
        elif data:
            answered(One(data[0] % 10), TRANSACTION, data[1:])
    except DecodeError:
        return  # gRPC ends the stream


def stream(data: bytes) -> None:
    made = PeerStream(One(99), "asset:1", Executor(), "a peer")
    while len(data) > 2:
        length = int.from_bytes(data[:2], "big")
        if not made._receive(Message.FromString(data[2 : 2 + length])):
            break
        data = data[2 + length :]
    made.close("the input ends")


def answered(chaincode: Reading, message, answer: bytes) -> None:
    completed = invoke(chaincode, message, Peer(answer), PeerOffer(write_batch=10, multiple_keys=10))
    said = proposal_response_pb2.Response.FromString(completed.payload)
    if said.message.startswith("INTERNAL"):
        raise AssertionError(said.message)
