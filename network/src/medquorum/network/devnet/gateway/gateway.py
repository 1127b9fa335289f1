# SPDX-License-Identifier: Apache-2.0
"""The gateway's unary calls: Evaluate and Endorse, as an organisation's own peer answers them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from fabric_protos.common.common_pb2 import Envelope, Payload
from fabric_protos.gateway.gateway_pb2 import EndorseResponse, ErrorDetail, EvaluateResponse
from fabric_protos.peer.proposal_pb2 import ChaincodeAction
from fabric_protos.peer.proposal_response_pb2 import ProposalResponsePayload
from fabric_protos.peer.transaction_pb2 import (
    ChaincodeActionPayload,
    ChaincodeEndorsedAction,
    Transaction,
    TransactionAction,
)

from medquorum.network.devnet.gateway.call_error import CallError
from medquorum.network.devnet.gateway.plan import Plan
from medquorum.network.devnet.gateway.registry import NoPeers, Registry
from medquorum.network.devnet.ledger.ledger import Ledger
from medquorum.network.devnet.peer.chaincode_stream import STREAM_TERMINATED
from medquorum.network.devnet.peer.endorser import Endorser, Outcome, PeerRefusal, Unreachable
from medquorum.network.devnet.peer.interest import Interest
from medquorum.network.devnet.peer.proposal import MalformedProposal, SignedProposal, unpack

__all__ = ["Gateway"]

ENDORSEMENT_SECONDS = 30
SUCCESS, REDIRECT_END, ERROR = 200, 400, 500
Code = grpc.StatusCode


class _Failure(Exception):
    """One peer's failure: the code it stands for, and whether another peer may do better."""

    def __init__(self, code: grpc.StatusCode, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry


class Gateway:
    """One organisation's gateway."""

    def __init__(self, ledger: Ledger, registry: Registry) -> None:
        self._ledger = ledger
        self._registry = registry

    async def evaluate(self, request: Any) -> Any:
        """Run a transaction on one peer and return its result.

        Raises
        ------
        CallError
            With Fabric's code for the failure.
        """
        proposal = _unpack(request.proposed_transaction)
        self._check_channel(proposal, Code.UNAVAILABLE)
        organisations = list(request.target_organizations)
        guarded = proposal.has_transient and not organisations
        try:
            own = [self._registry.local.msp_id]
            peers = self._registry.evaluators(proposal.chaincode, own if guarded else organisations)
        except NoPeers as error:
            hint = "no endorsers found in the gateway's organization; retry specifying target organization(s) to "
            start = f"{hint}protect transient data: " if guarded else ""
            raise CallError(Code.FAILED_PRECONDITION, f"{start}{error}") from error
        details = []
        for peer in peers:
            try:
                outcome = await self._ask(peer, proposal)
            except _Failure as failure:
                details.append(_detail(peer, failure.message))
                last = failure
                if not failure.retry:
                    message = f"evaluate call to endorser returned error: {failure.message}"
                    raise CallError(failure.code, message, details) from failure
                continue
            result = outcome.response.response
            payload = ProposalResponsePayload.FromString(outcome.response.payload)
            result.payload = ChaincodeAction.FromString(payload.extension).response.payload
            return EvaluateResponse(result=result)
        message = "failed to evaluate transaction, see attached details for more info"
        raise CallError(last.code, message, details)

    async def endorse(self, request: Any) -> Any:
        """Gather equal endorsements that satisfy the policies, and return the transaction to sign.

        Raises
        ------
        CallError
            With Fabric's code for the failure.
        """
        proposal = _unpack(request.proposed_transaction)
        organisations = list(dict.fromkeys(request.endorsing_organizations))
        if organisations:
            self._check_channel(proposal, Code.UNAVAILABLE)
            try:
                plan = self._registry.plan_for(proposal.chaincode, organisations)
            except NoPeers as error:
                raise CallError(Code.UNAVAILABLE, str(error)) from error
        else:
            self._check_channel(proposal, Code.FAILED_PRECONDITION)
            plan = await self._plan_from_first(proposal)
        while wanted := plan.next():
            await asyncio.gather(*(self._collect(plan, msp_id, proposal) for msp_id in wanted))
        if wanted is None:
            message = "failed to collect enough transaction endorsements, see attached details for more info"
            raise CallError(Code.ABORTED, message, plan.details)
        return EndorseResponse(prepared_transaction=_prepare(proposal, plan))

    async def _plan_from_first(self, proposal: SignedProposal) -> Plan:
        """Ask one peer, the own one where it can, and plan for what the transaction turns out to touch."""
        first = await self._first(proposal)
        details = []
        outcome = None
        for peer in first:
            try:
                outcome = await self._ask(peer, proposal)
                break
            except _Failure as failure:
                details.append(_detail(peer, failure.message))
        if outcome is None:
            message = "failed to endorse transaction, see attached details for more info"
            raise CallError(Code.ABORTED, message, details)
        interest = outcome.interest
        if interest is None or not (interest.chaincodes or interest.collections or interest.key_policies):
            interest = Interest(frozenset({proposal.chaincode}))
        plan = self._cautious(interest, proposal, peer)
        plan.endorsed(peer.msp_id, peer.address, outcome.response)
        return plan

    async def _first(self, proposal: SignedProposal) -> list[Endorser]:
        if self._registry.local.serves(proposal.chaincode):
            return [self._registry.local]
        if proposal.has_transient:
            raise CallError(
                Code.FAILED_PRECONDITION,
                "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to "
                "protect transient data",
            )
        try:
            plan = self._registry.plan(Interest(frozenset({proposal.chaincode})), cautious=False, preferred="")
        except NoPeers as error:
            raise CallError(Code.FAILED_PRECONDITION, str(error)) from error
        wanted = plan.next() or []
        return [peer for msp in wanted[:1] if (peer := self._registry.find(msp))]

    def _cautious(self, interest: Interest, proposal: SignedProposal, first: Endorser) -> Plan:
        cautious = proposal.has_transient
        try:
            return self._registry.plan(interest, cautious=cautious, preferred=first.msp_id)
        except NoPeers as error:
            guarded = sorted(collection for _, collection in interest.collections - interest.private_reads)
            if not cautious or not guarded:
                raise CallError(Code.FAILED_PRECONDITION, str(error)) from error
        try:
            self._registry.plan(interest, cautious=False, preferred=first.msp_id)
        except NoPeers as error:
            raise CallError(Code.FAILED_PRECONDITION, str(error)) from error
        raise CallError(
            Code.FAILED_PRECONDITION,
            "requires endorsement from organisation(s) that are not in the distribution policy of the private data "
            f"collection(s): {guarded}; retry specifying trusted endorsing organizations to protect transient data",
        )

    async def _collect(self, plan: Plan, msp_id: str, proposal: SignedProposal) -> None:
        peer = self._registry.find(msp_id)
        if peer is None:
            plan.failed(msp_id, "", "connection refused")
            return
        try:
            outcome = await self._ask(peer, proposal)
        except _Failure as failure:
            plan.failed(msp_id, peer.address, failure.message)
            return
        plan.endorsed(msp_id, peer.address, outcome.response)

    async def _ask(self, peer: Endorser, proposal: SignedProposal) -> Outcome:
        """Ask one peer; a remote one's refusal looks like an unreachable peer, as gRPC drops its response."""
        try:
            async with asyncio.timeout(ENDORSEMENT_SECONDS):
                outcome = await peer.process(proposal)
        except PeerRefusal as error:
            if peer is self._registry.local:
                raise _Failure(Code.FAILED_PRECONDITION, str(error), retry=False) from error
            self._registry.drop(peer)
            message = f"rpc error: code = Unknown desc = {error}"
            raise _Failure(Code.UNAVAILABLE, message, retry=True) from error
        except (Unreachable, TimeoutError) as error:
            self._registry.drop(peer)
            raise _Failure(Code.UNAVAILABLE, str(error) or "context deadline exceeded", retry=True) from error
        result = outcome.response.response
        if SUCCESS <= result.status < REDIRECT_END:
            return outcome
        if result.status == ERROR and not outcome.response.payload:
            if result.message.endswith(STREAM_TERMINATED):
                self._registry.drop(peer)
            raise _Failure(Code.ABORTED, result.message, retry=True)
        raise _Failure(Code.UNKNOWN, f"chaincode response {result.status}, {result.message}", retry=False)

    def _check_channel(self, proposal: SignedProposal, code: grpc.StatusCode) -> None:
        if proposal.channel_id != self._ledger.channel_id:
            raise CallError(code, f"failed to get config for channel [{proposal.channel_id}]: channel does not exist")


def _unpack(message: Any) -> SignedProposal:
    try:
        return unpack(message)
    except MalformedProposal as error:
        raise CallError(Code.INVALID_ARGUMENT, f"failed to unpack transaction proposal: {error}") from error


def _detail(peer: Endorser, message: str) -> Any:
    return ErrorDetail(address=peer.address, msp_id=peer.msp_id, message=message)


def _prepare(proposal: SignedProposal, plan: Plan) -> Any:
    """Assemble the transaction without transient data; the client signs its payload."""
    endorsed = ChaincodeEndorsedAction(proposal_response_payload=plan.payload, endorsements=plan.complete())
    action = ChaincodeActionPayload(chaincode_proposal_payload=proposal.public_payload, action=endorsed)
    step = TransactionAction(header=proposal.header.signature_header, payload=action.SerializeToString())
    payload = Payload(header=proposal.header, data=Transaction(actions=[step]).SerializeToString())
    return Envelope(payload=payload.SerializeToString())
