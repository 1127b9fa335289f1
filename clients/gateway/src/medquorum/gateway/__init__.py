# SPDX-License-Identifier: Apache-2.0
"""Fabric gateway client for Python, in the shape of the official ones (Fabric 2.4 and later).

Stands alone: it needs no other package of this project.

>>> with connect_profile("connection-org1.json", "User1") as gateway:
...     network = gateway.get_network("mychannel")
...     contract = network.get_contract("basic")
...     contract.submit_transaction("CreateAsset", "asset1", "blue")
...     contract.evaluate_transaction("ReadAsset", "asset1")
...     with network.chaincode_events("basic", start_block=0) as events:
...         for event in events:
...             print(event.name, event.payload)
"""

from medquorum.gateway.client import Deadlines
from medquorum.gateway.connection.channel import TlsIdentity, tls_channel
from medquorum.gateway.connection.environment import connect_environment
from medquorum.gateway.connection.profile import Profile, connect_peer, connect_profile, read_profile
from medquorum.gateway.contract import Contract
from medquorum.gateway.errors import (
    CommitError,
    CommitStatusError,
    ConfigError,
    DataError,
    EndorseError,
    ErrorDetail,
    FabricError,
    GatewayError,
    SubmitError,
)
from medquorum.gateway.events.blocks import BlockEventsRequest, BlockKind
from medquorum.gateway.events.checkpoint import Checkpoint, FileCheckpointer, InMemoryCheckpointer
from medquorum.gateway.events.stream import ChaincodeEvent, ChaincodeEventsRequest, EventStream
from medquorum.gateway.failures import chaincode_message, identity_refused, peers_unknown
from medquorum.gateway.gateway import Gateway, connect
from medquorum.gateway.identity import Hash, Signer, X509Identity, private_key_signer, sha256
from medquorum.gateway.network import Network
from medquorum.gateway.retry import retrying, worth_retrying
from medquorum.gateway.submission import Submissions
from medquorum.gateway.transactions.commit import Commit, Status, SubmittedTransaction
from medquorum.gateway.transactions.proposal import Proposal
from medquorum.gateway.transactions.transaction import Transaction
from medquorum.gateway.wallet import read_identity

__all__ = [
    "BlockEventsRequest",
    "BlockKind",
    "ChaincodeEvent",
    "ChaincodeEventsRequest",
    "Checkpoint",
    "Commit",
    "CommitError",
    "CommitStatusError",
    "ConfigError",
    "Contract",
    "DataError",
    "Deadlines",
    "EndorseError",
    "ErrorDetail",
    "EventStream",
    "FabricError",
    "FileCheckpointer",
    "Gateway",
    "GatewayError",
    "Hash",
    "InMemoryCheckpointer",
    "Network",
    "Profile",
    "Proposal",
    "Signer",
    "Status",
    "Submissions",
    "SubmitError",
    "SubmittedTransaction",
    "TlsIdentity",
    "Transaction",
    "X509Identity",
    "chaincode_message",
    "connect",
    "connect_environment",
    "connect_peer",
    "connect_profile",
    "identity_refused",
    "peers_unknown",
    "private_key_signer",
    "read_identity",
    "read_profile",
    "retrying",
    "sha256",
    "tls_channel",
    "worth_retrying",
]
