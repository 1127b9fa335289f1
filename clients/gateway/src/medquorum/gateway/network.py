# SPDX-License-Identifier: Apache-2.0
"""A channel seen through one peer."""

from __future__ import annotations

from typing import Any

from medquorum.gateway.client import Client
from medquorum.gateway.contract import Contract
from medquorum.gateway.events.blocks import BlockEventsRequest, BlockKind, new_block_events_request
from medquorum.gateway.events.checkpoint import Checkpoint
from medquorum.gateway.events.stream import (
    ChaincodeEvent,
    ChaincodeEventsRequest,
    EventStream,
    new_chaincode_events_request,
)
from medquorum.gateway.transactions.commit import Commit, commit_request

__all__ = ["Network"]


class Network:
    """A channel: its contracts, chaincode events and blocks.

    Events start at the checkpoint if it is set, else at ``start_block``, else at the next block the peer commits
    after it has seen the request: name a start block where no event may be missed.
    """

    def __init__(self, client: Client, channel: str) -> None:
        self._client = client
        self.channel = channel

    def get_contract(self, chaincode: str, contract: str | None = None) -> Contract:
        """Return a chaincode's default contract, or the named one."""
        return Contract(self._client, self.channel, chaincode, contract)

    def new_commit(self, transaction_id: str) -> Commit:
        """Build a question for the outcome of any transaction of the channel, by its id."""
        return Commit(self._client, commit_request(self._client, self.channel, transaction_id))

    def chaincode_events(
        self,
        chaincode: str,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
        timeout: float | None = None,
    ) -> EventStream[ChaincodeEvent]:
        """Read a chaincode's events."""
        request = self.new_chaincode_events_request(chaincode, start_block=start_block, checkpoint=checkpoint)
        return request.events(timeout)

    def new_chaincode_events_request(
        self, chaincode: str, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> ChaincodeEventsRequest:
        """Build a question for a chaincode's events, to sign off-line."""
        return new_chaincode_events_request(self._client, self.channel, chaincode, start_block, checkpoint)

    def block_events(
        self,
        kind: BlockKind = BlockKind.FULL,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
        timeout: float | None = None,
    ) -> EventStream[Any]:
        """Read blocks as Fabric's own messages, by kind."""
        return self.new_block_events_request(kind, start_block=start_block, checkpoint=checkpoint).events(timeout)

    def new_block_events_request(
        self,
        kind: BlockKind = BlockKind.FULL,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> BlockEventsRequest:
        """Build a question for blocks, to sign off-line."""
        return new_block_events_request(self._client, self.channel, kind, start_block, checkpoint)
