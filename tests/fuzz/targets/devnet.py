# SPDX-License-Identifier: Apache-2.0
"""What a member sends the devnet: transactions, signed again and endorsed where they are bent within, and proposals."""

from contextlib import suppress
from types import SimpleNamespace

from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.peer.proposal_pb2 import SignedProposal
from google.protobuf.message import DecodeError

from medquorum.network.devnet.peer.proposal import Denied, MalformedProposal, authorize, unpack
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet
from medquorum_testing.fuzzing.runner import load, scratch_file
from medquorum_testing.ledger.memory_stub import creator
from medquorum_testing.network.devnet_ledger import CHAINCODE, A, HandMadeLedger, make_folder

MADE = HandMadeLedger(*make_folder(scratch_file("devnet")))
MADE.put({"a": "1"})
CLIENT = MADE.clients[A]


def written() -> ReadWriteSet:
    result = ReadWriteSet()
    result.write(CHAINCODE, "a", b"2")
    return result


WHOLE = MADE.transaction(written())
PAYLOAD = Envelope.FromString(WHOLE).payload
PROPOSAL = next(seed[1:] for seed in load("shim_messages").seeds if seed[:1] == b"T")
SEEDS = [b"E" + WHOLE, b"S" + PAYLOAD, b"R" + written().public().SerializeToString()]
SEEDS += [b"P" + SignedProposal(proposal_bytes=PROPOSAL, signature=b"s").SerializeToString()]
SEEDS += [b"E" + Envelope(payload=creator("OneMSP")).SerializeToString()]


def run(data: bytes) -> None:
    kind, data = data[:1], data[1:]
    if kind == b"P":
        with suppress(DecodeError, MalformedProposal, Denied):  # of the message itself gRPC takes care
            authorize(unpack(SignedProposal.FromString(data)), MADE.msps)
    elif kind == b"S":
        MADE.commit(Envelope(payload=data, signature=CLIENT.sign(data)).SerializeToString())
    elif kind == b"R":
        bent = SimpleNamespace(SerializeToString=lambda: data)
        MADE.commit(MADE.transaction(SimpleNamespace(public=lambda: bent, private=lambda: None)))
    else:
        MADE.commit(data)
