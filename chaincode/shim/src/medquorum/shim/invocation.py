# SPDX-License-Identifier: Apache-2.0
"""Runs the contract for one transaction and turns whatever happens into the response the peer gets."""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from medquorum.shim.errors import ChaincodeError, PeerError
from medquorum.shim.exchange import Exchange
from medquorum.shim.interface import Chaincode, Response, error
from medquorum.shim.proposal import Proposal, read_proposal
from medquorum.shim.stub import LedgerStub, PeerOffer

__all__ = ["completed", "run"]

FAILURE = 400

log = structlog.get_logger(__name__)
Message = chaincode_shim_pb2.ChaincodeMessage


def run(chaincode: Chaincode, message: Any, exchange: Exchange, offer: PeerOffer) -> Any:
    """Simulate a TRANSACTION or INIT message and return the COMPLETED message.

    A ``ChaincodeError`` becomes status 500 with its text, a ``PeerError`` the same under code ``PEER``, anything else
    ``INTERNAL`` with the exception's type only, because its text may hold data.
    """
    try:
        args = chaincode_pb2.ChaincodeInput.FromString(message.payload).args
        proposal = read_proposal(message.proposal) if message.HasField("proposal") else Proposal(b"", 0, {})
        stub = LedgerStub(exchange, args, proposal, offer)
        response = chaincode.invoke(stub)
        if response.status < FAILURE:
            stub.finish()
            return completed(message, response, stub.event)
    except ChaincodeError as refusal:
        response = error(str(refusal))
    except PeerError as refusal:
        response = error(f"PEER: {refusal}")
    except DecodeError:
        response = error("BAD_INPUT: the peer's message cannot be parsed")
    except (Exception, SystemExit) as fault:
        name = type(fault).__name__
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(fault.__traceback__)]
        log.error("the contract failed", tx_id=message.txid, channel=message.channel_id, error=name, where=where)
        response = error(f"INTERNAL: {name}")
    return completed(message, response)


def completed(message: Any, response: Response, event: Any = None) -> Any:
    """Make the COMPLETED message that answers a TRANSACTION or INIT message."""
    result = proposal_response_pb2.Response(status=response.status, message=response.message, payload=response.payload)
    return Message(
        type=Message.COMPLETED,
        payload=result.SerializeToString(),
        txid=message.txid,
        channel_id=message.channel_id,
        chaincode_event=event,
    )
