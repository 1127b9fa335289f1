# SPDX-License-Identifier: Apache-2.0
"""A block without its contents: transaction ids, validation codes and event names (``protos.FilteredBlock``)."""

from __future__ import annotations

from typing import Any

from fabric_protos.common.common_pb2 import HeaderType
from fabric_protos.peer.chaincode_event_pb2 import ChaincodeEvent
from fabric_protos.peer.events_pb2 import (
    FilteredBlock,
    FilteredChaincodeAction,
    FilteredTransaction,
    FilteredTransactionActions,
)
from google.protobuf.message import DecodeError

from medquorum.network.devnet.ledger.block import validation_codes
from medquorum.network.devnet.ledger.history import action_of
from medquorum.network.devnet.ledger.transaction import channel_header

__all__ = ["filtered_block"]


def filtered_block(block: Any, channel_id: str) -> Any:
    """Reduce a block; events keep their name and lose their payload."""
    filtered = FilteredBlock(channel_id=channel_id, number=block.header.number)
    for data, code in zip(block.data.data, validation_codes(block), strict=True):
        header = channel_header(data)
        if header is None:
            continue
        transaction = FilteredTransaction(txid=header.tx_id, type=header.type, tx_validation_code=code)
        if header.type == HeaderType.ENDORSER_TRANSACTION:
            transaction.transaction_actions.CopyFrom(_actions(data))
        filtered.filtered_transactions.append(transaction)
    return filtered


def _actions(data: bytes) -> Any:
    try:
        _, action = action_of(data)
        event = ChaincodeEvent.FromString(action.events)
    except (DecodeError, IndexError):  # an invalid transaction may be anything
        return FilteredTransactionActions()
    if not action.events:
        return FilteredTransactionActions()
    event.ClearField("payload")
    return FilteredTransactionActions(chaincode_actions=[FilteredChaincodeAction(chaincode_event=event)])
