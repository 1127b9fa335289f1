# SPDX-License-Identifier: Apache-2.0
"""What the steps of the official gateway's scenarios act on: a network, connections, a transaction, listeners."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medquorum.gateway import (
    BlockKind,
    Contract,
    EventStream,
    FabricError,
    Gateway,
    InMemoryCheckpointer,
    Network,
    Signer,
    X509Identity,
    connect,
    private_key_signer,
    tls_channel,
)
from medquorum_testing.gateway.scenario import Identity, Organisation
from medquorum_testing.network.networks import RunningNetwork

EVENT_SECONDS = 30
KINDS = {
    "block": BlockKind.FULL,
    "filtered block": BlockKind.FILTERED,
    "block and private data": BlockKind.WITH_PRIVATE_DATA,
}


class ScenarioNetwork:
    """Three organisations with one peer each; the official fixtures' names of peers and chaincodes are mapped to it."""

    def __init__(self, running: RunningNetwork, chaincodes: Path) -> None:
        self._running = running
        self._chaincodes = chaincodes
        self._policies: dict[str, str] = {}
        self._stopped: list[str] = []

    def organisation(self, msp_id: str) -> Organisation:
        return Organisation.read(self._running.profile(msp_id))

    def peer(self, name: str) -> Organisation:
        """Find the organisation whose peer has that name; KeyError where this network has no such peer."""
        return self.organisation({one.node: one.msp_id for one in self._running.consortium.members}[name])

    def has_peer(self, name: str) -> bool:
        return any(one.node == name for one in self._running.consortium.members)

    def stop_peer(self, name: str) -> None:
        # The devnet has one process for all: there an organisation is switched off.
        target = name if self._running.kind == "fabric" else self.peer(name).name
        self._running.stop(target)
        self._stopped.append(target)

    def start_peers(self) -> None:
        while self._stopped:
            self._running.start(self._stopped.pop())

    def deploy(self, name: str, version: str, policy: str) -> None:
        """Deploy a chaincode, or change its policy; on return every gateway reaches every organisation's."""
        if self._policies.get(name) != policy:
            collections = self._chaincodes.with_name(f"collections_{name}.json")
            self._running.deploy(
                name,
                None,
                version=version,
                policy=policy,
                command=[sys.executable, str(self._chaincodes), name],
                collections=collections if collections.exists() else None,
            )
            self._policies[name] = policy
        self._running.await_acquaintance(name)


@dataclass
class Invocation:
    """A transaction to be submitted or evaluated, and what came of it."""

    gateway: Gateway
    contract: Contract
    name: str
    submits: bool
    arguments: Sequence[str] = ()
    transient: Mapping[str, str] = field(default_factory=dict)
    endorsers: Sequence[str] = ()
    signer: Signer | None = None
    result: bytes = b""
    block: int = 0
    error: FabricError | None = None

    def invoke(self) -> None:
        proposal = self.contract.new_proposal(
            self.name,
            arguments=self.arguments,
            transient=self.transient,
            endorsing_organizations=self.endorsers,
        )
        proposal = self._signed(proposal, self.gateway.new_signed_proposal)
        if not self.submits:
            self.result = proposal.evaluate()
            return
        transaction = self._signed(proposal.endorse(), self.gateway.new_signed_transaction)
        commit = self._signed(transaction.submit(), self.gateway.new_signed_commit)
        status = commit.status()
        self.block = status.block_number
        status.require_valid()
        self.result = transaction.result

    def fails(self) -> bool:
        """Invoke the transaction; return whether the client raised an error, which is kept."""
        try:
            self.invoke()
        except FabricError as error:
            self.error = error
        return self.error is not None

    def _signed(self, message: Any, again: Any) -> Any:
        """Sign off-line where there is a signer: as somebody who has nothing but the bytes and the digest."""
        return message if self.signer is None else again(message.to_bytes(), self.signer(message.digest))


class Listener:
    """Events of one kind, checkpointed as they come where there is a checkpointer."""

    def __init__(self, stream: EventStream[Any], kind: str, checkpointer: InMemoryCheckpointer | None) -> None:
        self._stream = stream
        self._kind = kind
        self._checkpointer = checkpointer

    def next(self) -> Any:
        event = next(self._stream)
        if self._checkpointer is not None:
            if self._kind == "chaincode":
                self._checkpointer.checkpoint_chaincode_event(event)
            else:
                self._checkpointer.checkpoint_block(_block_number(event, self._kind))
        return event

    def close(self) -> None:
        self._stream.close()


def _block_number(event: Any, kind: str) -> int:
    if kind == "filtered block":
        return int(event.number)
    block = event.block if kind == "block and private data" else event
    return int(block.header.number)


class Connection:
    """A gateway that a scenario has named: an identity, then a peer, a channel, a contract."""

    def __init__(self, identity: Identity, *, signs: bool) -> None:
        self._identity = X509Identity(identity.msp_id, identity.certificate)
        self._signer = private_key_signer(identity.key) if signs else None
        self._open = ExitStack()
        self._listeners: dict[tuple[str, str], Listener] = {}
        self._checkpointer: InMemoryCheckpointer | None = None
        self._gateway: Gateway | None = None
        self._network: Network | None = None
        self._contract: Contract | None = None

    def connect(self, peer: Organisation) -> None:
        channel = tls_channel(peer.endpoint, peer.roots, peer.server_name, client=peer.tls)
        self._open.callback(channel.close)
        bound = peer.tls.hash
        self._gateway = connect(channel, self._identity, self._signer, tls_client_certificate_hash=bound)

    def use_network(self, channel: str) -> None:
        assert self._gateway is not None
        self._network = self._gateway.get_network(channel)

    def use_contract(self, chaincode: str) -> None:
        assert self._network is not None
        self._contract = self._network.get_contract(chaincode)

    def prepare(self, name: str, *, submits: bool) -> Invocation:
        assert self._gateway is not None
        assert self._contract is not None
        return Invocation(self._gateway, self._contract, name, submits)

    def create_checkpointer(self) -> None:
        self._checkpointer = InMemoryCheckpointer()

    def listen(
        self, kind: str, listener: str, chaincode: str = "", *, start: int | None = None, checkpoints: bool = False
    ) -> None:
        """Start to listen; a listener of that kind and name, should there be one, is replaced."""
        assert self._network is not None
        checkpointer = self._checkpointer if checkpoints else None
        options: dict[str, Any] = {"start_block": start, "checkpoint": checkpointer, "timeout": EVENT_SECONDS}
        if kind == "chaincode":
            stream: EventStream[Any] = self._network.chaincode_events(chaincode, **options)
        else:
            stream = self._network.block_events(KINDS[kind], **options)
        self._open.callback(stream.close)
        self._listeners[kind, listener] = Listener(stream, kind, checkpointer)

    def next_event(self, kind: str, listener: str) -> Any:
        return self._listeners[kind, listener].next()

    def stop_listening(self, kind: str, listener: str) -> None:
        self._listeners.pop((kind, listener)).close()

    def close(self) -> None:
        self._open.close()
