# SPDX-License-Identifier: Apache-2.0
"""``qscc``: the ledger's own query chaincode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fabric_protos.common.common_pb2 import Envelope
from fabric_protos.common.ledger_pb2 import BlockchainInfo
from fabric_protos.peer.proposal_response_pb2 import Response
from fabric_protos.peer.transaction_pb2 import ProcessedTransaction

from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.ledger.state import State

__all__ = ["is_system", "query"]

OK, ERROR = 200, 500


def is_system(chaincode: str) -> bool:
    """Return whether a chaincode is the peer's own."""
    return chaincode == "qscc"


def query(ledger: Ledger, chaincode: str, arguments: Sequence[bytes]) -> Any:
    """Answer ``GetChainInfo``, ``GetBlockByNumber``, ``GetBlockByHash``, ``GetTransactionByID``, ``GetBlockByTxID``."""
    if len(arguments) < 2:
        return _error(f"Incorrect number of arguments, {len(arguments)}")
    name, channel = arguments[0].decode(errors="replace"), arguments[1].decode(errors="replace")
    if channel != ledger.channel_id:
        return _error(f"Invalid chain ID, {channel}")
    if name == "GetChainInfo":
        return Response(status=OK, payload=_information(ledger).SerializeToString())
    function = FUNCTIONS.get(name)
    if function is None:
        return _error(f"Requested function {name} not found.")
    if len(arguments) < 3:
        return _error(f"missing 3rd argument for {name}")
    message = function(ledger, arguments[2])
    if message is None:
        return _error(f"{name}: no entry found for {arguments[2].decode(errors='replace')}")
    return Response(status=OK, payload=message.SerializeToString())


def _information(ledger: Ledger) -> Any:
    height, current = ledger.height, ledger.tip_hash
    last = ledger.block(height - 1)
    previous = last.header.previous_hash if last else b""
    return BlockchainInfo(height=height, currentBlockHash=current, previousBlockHash=previous)


def _by_number(ledger: Ledger, argument: bytes) -> Any | None:
    return ledger.block(int(argument)) if argument.isdigit() else None


def _by_hash(ledger: Ledger, argument: bytes) -> Any | None:
    with ledger.store.snapshot() as connection:
        number = State(connection).number_of(argument)
    return None if number is None else ledger.block(number)


def _by_transaction(ledger: Ledger, argument: bytes) -> Any | None:
    transaction = ledger.transaction(argument.decode(errors="replace"))
    return ledger.block(transaction[0]) if transaction else None


def _transaction(ledger: Ledger, argument: bytes) -> Any | None:
    transaction = ledger.transaction(argument.decode(errors="replace"))
    block = ledger.block(transaction[0]) if transaction else None
    if transaction is None or block is None:
        return None
    envelope = Envelope.FromString(block.data.data[transaction[1]])
    return ProcessedTransaction(transactionEnvelope=envelope, validationCode=transaction[2])


FUNCTIONS: dict[str, Callable[[Ledger, bytes], Any | None]] = {
    "GetBlockByNumber": _by_number,
    "GetBlockByHash": _by_hash,
    "GetTransactionByID": _transaction,
    "GetBlockByTxID": _by_transaction,
}


def _error(text: str) -> Any:
    return Response(status=ERROR, message=text)
