# SPDX-License-Identifier: Apache-2.0
"""One organisation's endorsing peer: checks a proposal, runs the chaincode, signs what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from fabric_protos.peer.chaincode_pb2 import ChaincodeID, ChaincodeInput
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import (
    Endorsement,
    ProposalResponse,
    ProposalResponsePayload,
    Response,
)
from google.protobuf.message import DecodeError

from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.peer import system_chaincode
from medquorum.network.devnet.peer.chaincode_stream import ChaincodeStream, ExecutionError
from medquorum.network.devnet.peer.interest import Interest
from medquorum.network.devnet.peer.proposal import Denied, SignedProposal, authorize, in_time
from medquorum.network.devnet.peer.requests import Requests
from medquorum.network.devnet.peer.simulator import Refused, Simulator
from medquorum.network.devnet.policy import access
from medquorum.network.devnet.policy.definition import Definition
from medquorum.network.identity.msp import Identity, IdentityError, Signer

__all__ = ["Endorser", "Outcome", "PeerRefusal", "Unreachable"]

ERROR_THRESHOLD = 400
ERROR = 500

log = structlog.get_logger(__name__)


class PeerRefusal(Exception):
    """The peer refuses the proposal with a gRPC error: bad signature, access, duplicate."""


class Unreachable(Exception):
    """The peer did not answer."""


@dataclass(frozen=True)
class Outcome:
    """A proposal response (``protos.ProposalResponse``) and what the transaction needs to be endorsed."""

    response: Any = field(repr=False)
    interest: Interest | None = None


class Endorser:
    """The peer of one organisation; ``address`` is what error details name."""

    def __init__(self, ledger: Ledger, signer: Signer, address: str, folder: Path, executor: Executor) -> None:
        self.msp_id = signer.msp_id
        self.address = address
        self.up = True
        self._ledger = ledger
        self._signer = signer
        self._folder = folder
        self._executor = executor
        self._streams: dict[str, ChaincodeStream] = {}
        self._dialling: dict[str, asyncio.Lock] = {}

    def serves(self, chaincode: str) -> bool:
        """Return whether this peer has a chaincode."""
        if system_chaincode.is_system(chaincode):
            return True
        definition = self._ledger.definitions.get(chaincode)
        return definition is not None and self.msp_id in definition.endpoints

    async def process(self, proposal: SignedProposal) -> Outcome:
        """Endorse a proposal; failures of the simulation are responses with status 500.

        Raises
        ------
        Unreachable
            When the peer is down, or the creator's certificate or clock is past (peers drop such calls unanswered).
        PeerRefusal
            When the proposal is refused before simulation.
        """
        if not self.up:
            raise Unreachable(f"connection error: desc = transport: dial tcp {self.address}: connection refused")
        if proposal.channel_id != self._ledger.channel_id:
            return _failed(f"channel '{proposal.channel_id}' not found")
        creator = self._admit(proposal)
        if system_chaincode.is_system(proposal.chaincode):
            return await self._system(proposal)
        definition = self._ledger.definitions.get(proposal.chaincode)
        if definition is None or self.msp_id not in definition.endpoints:
            return _failed(
                f"make sure the chaincode {proposal.chaincode} has been successfully defined on channel "
                f"{proposal.channel_id} and try again: chaincode {proposal.chaincode} not found"
            )
        simulator = Simulator(self._ledger, self.msp_id, creator)
        try:
            return await self._simulate(proposal, definition, simulator)
        except (ExecutionError, Refused) as error:
            return _failed(f"error in simulation: failed to execute transaction {proposal.tx_id}: {error}")
        finally:
            simulator.close()

    async def close(self) -> None:
        """End every chaincode stream."""
        for stream in self._streams.values():
            await stream.close()
        self._streams.clear()

    def _admit(self, proposal: SignedProposal) -> Identity:
        with contextlib.suppress(IdentityError):  # who cannot be read is refused below
            if self._ledger.msps.identity(proposal.signature.creator).expired:
                raise Unreachable("proposal client identity expired")
        if not in_time(proposal.channel.timestamp):
            raise Unreachable("request unauthorized due to incorrect timestamp")
        try:
            creator = authorize(proposal, self._ledger.msps)
        except Denied as error:
            raise PeerRefusal(str(error)) from error
        if self._ledger.transaction(proposal.tx_id):
            raise PeerRefusal(f"duplicate transaction found [{proposal.tx_id}]")
        if not access.may_write(creator, self._ledger.members.application):
            raise PeerRefusal(
                "failed evaluating policy on signed data during check policy [/Channel/Application/Writers]"
            )
        return creator

    async def _simulate(self, proposal: SignedProposal, definition: Definition, simulator: Simulator) -> Outcome:
        final = await self._invoke(proposal, proposal.chaincode, proposal.spec.input, simulator)
        if final.type == ChaincodeMessage.ERROR:
            raise ExecutionError(f"transaction returned with failure: {final.payload.decode(errors='replace')}")
        try:
            result = Response.FromString(final.payload)
        except DecodeError as error:
            raise ExecutionError("failed to unmarshal response") from error
        event = b""
        if final.HasField("chaincode_event"):
            final.chaincode_event.chaincode_id = proposal.chaincode
            final.chaincode_event.tx_id = proposal.tx_id
            event = final.chaincode_event.SerializeToString()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, self._conclude, proposal, definition, simulator, result, event
        )

    def _conclude(
        self, proposal: SignedProposal, definition: Definition, simulator: Simulator, result: Any, event: bytes
    ) -> Outcome:
        """Keep the private writes, and sign the public read-write set."""
        if ERROR_THRESHOLD <= result.status < ERROR:
            return Outcome(ProposalResponse(response=result))
        if result.status < ERROR_THRESHOLD:
            self._keep_private(proposal, simulator)
        action = ChaincodeAction(
            results=simulator.result.public().SerializeToString(),
            events=event if result.status < ERROR_THRESHOLD else b"",
            response=result,
            chaincode_id=ChaincodeID(name=proposal.chaincode, version=definition.version),
        )
        payload = ProposalResponsePayload(
            proposal_hash=proposal.hash, extension=action.SerializeToString()
        ).SerializeToString()
        if result.status >= ERROR:
            return Outcome(ProposalResponse(response=result, payload=payload))
        signature = self._signer.sign(payload + self._signer.serialized)
        endorsement = Endorsement(endorser=self._signer.serialized, signature=signature)
        response = ProposalResponse(version=1, response=result, payload=payload, endorsement=endorsement)
        return Outcome(response, Interest.of(simulator))

    def _keep_private(self, proposal: SignedProposal, simulator: Simulator) -> None:
        """Store private writes until the commit, when enough other members are there to have them."""
        writes = simulator.result.private()
        if writes is None:
            return
        for namespace in writes.ns_pvt_rwset:
            definition = self._ledger.definitions.get(namespace.namespace)
            for part in namespace.collection_pvt_rwset:
                config = definition.collection(part.collection_name) if definition else None
                if config is None or not config.required_peer_count:
                    continue
                members = self._ledger.members
                others = set(members.eligible(config.members)) - members.down - {self.msp_id}
                if len(others) < config.required_peer_count:
                    raise Refused(
                        f"failed disseminating private data of collection {part.collection_name}: required to "
                        f"disseminate to at least {config.required_peer_count} peers, but know of only {len(others)}"
                    )
        height = self._ledger.height
        self._ledger.transient.keep(proposal.tx_id, self.msp_id, height, writes.SerializeToString())

    async def _invoke(self, proposal: SignedProposal, name: str, arguments: Any, simulator: Simulator) -> Any:
        definition = self._ledger.definitions.get(name)
        if definition is None or self.msp_id not in definition.endpoints:
            raise ExecutionError(f"chaincode {name} not found")

        async def call(spec: Any) -> Any:
            return await self._call(proposal, spec, simulator)

        stream = await self._stream(name, definition)
        message = ChaincodeMessage(
            type=ChaincodeMessage.TRANSACTION,
            payload=arguments.SerializeToString(),
            txid=proposal.tx_id,
            channel_id=proposal.channel_id,
            proposal=proposal.message,
        )
        requests = Requests(simulator, name, self._executor, call)
        return await stream.execute(message, requests.answer)

    async def _call(self, proposal: SignedProposal, spec: Any, simulator: Simulator) -> Any:
        """Run another chaincode of this channel in the same transaction."""
        name, _, channel = spec.chaincode_id.name.partition("/")
        name = name.partition(":")[0]
        if channel not in ("", proposal.channel_id):
            raise Refused(f"failed to find ledger for channel: {channel}")
        if system_chaincode.is_system(name):
            raise Refused(f"Rejecting invoke of {name.upper()} from another chaincode")
        try:
            return await self._invoke(proposal, name, spec.input or ChaincodeInput(), simulator)
        except ExecutionError as error:
            raise Refused(f"execute failed: {error}") from error

    async def _stream(self, name: str, definition: Definition) -> ChaincodeStream:
        """Return the running chaincode's stream, dialling it where there is none."""
        identifier = definition.package_id
        lock = self._dialling.setdefault(identifier, asyncio.Lock())
        async with lock:
            stream = self._streams.get(identifier)
            if stream is None or stream.ended:
                endpoint = definition.endpoints[self.msp_id]
                stream = await ChaincodeStream.connect(endpoint, identifier, self._folder)
                self._streams[identifier] = stream
                log.info("chaincode connected", chaincode=name, organisation=self.msp_id)
        return stream

    async def _system(self, proposal: SignedProposal) -> Outcome:
        loop = asyncio.get_running_loop()
        arguments = list(proposal.spec.input.args)
        result = await loop.run_in_executor(
            self._executor, system_chaincode.query, self._ledger, proposal.chaincode, arguments
        )
        action = ChaincodeAction(response=result, chaincode_id=ChaincodeID(name=proposal.chaincode, version="syscc"))
        payload = ProposalResponsePayload(proposal_hash=proposal.hash, extension=action.SerializeToString())
        return Outcome(ProposalResponse(version=1, response=result, payload=payload.SerializeToString()))


def _failed(text: str) -> Outcome:
    return Outcome(ProposalResponse(response=Response(status=ERROR, message=text)))
