# SPDX-License-Identifier: Apache-2.0
"""What a process finds in its own folder after a crash or an edit: checkpoints, envelopes, updates, definitions."""

import json
from contextlib import suppress

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, Payload
from fabric_protos.gateway.gateway_pb2 import PreparedTransaction
from google.protobuf.message import DecodeError

from medquorum.clients.admin.options import rule_document
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.errors import MedquorumError
from medquorum.gateway import FabricError, FileCheckpointer
from medquorum.gateway.transactions.transaction import Transaction
from medquorum.network.devnet.policy.definition import read
from medquorum_testing.fuzzing.runner import scratch_file

PATH = scratch_file("own")
UPDATES = scratch_file("updates")
(UPDATES / "000001").mkdir(parents=True)
for name in ("parameters.bin", "salts.bin"):
    (UPDATES / "000001" / name).write_bytes(bytes(32))
HEADER = ChannelHeader(channel_id="mychannel", tx_id="one").SerializeToString()
ENVELOPE = Envelope(payload=Payload(header=Header(channel_header=HEADER)).SerializeToString())
ENDPOINT = {"address": "127.0.0.1:1", "root_cert": "ca.crt"}
DEFINITION = {"version": "1.0", "sequence": 1, "policy": "OutOf(1, 'AMSP.peer')", "package_id": "a:b"}
SEEDS = [
    b'{"blockNumber": 7, "transactionId": "one"}',
    json.dumps({"base": "b" * 64, "chunks": ["c" * 64]}).encode(),
    json.dumps({"asset": DEFINITION | {"collections": [], "endpoints": {"AMSP": ENDPOINT}}}).encode(),
    b'{"name": "floor", "slack": 5, "floor": 150, "floor_on": "r"}',
    PreparedTransaction(transaction_id="one", envelope=ENVELOPE).SerializeToString(),
]


def envelope(data: bytes) -> None:
    """Read a stored transaction, as a gateway does before it is connected."""
    with suppress(DecodeError):
        Transaction(None, PreparedTransaction.FromString(data))


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    (UPDATES / "000001" / "update.json").write_bytes(data)
    text = data.decode(errors="replace")
    for parse in (
        lambda: FileCheckpointer(PATH),
        lambda: UpdateStore(UPDATES).load(1),
        lambda: read(PATH),
        lambda: rule_document(text),
        lambda: envelope(data),
    ):
        try:
            parse()
        except (MedquorumError, FabricError):
            continue
