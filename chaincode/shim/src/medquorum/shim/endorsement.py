# SPDX-License-Identifier: Apache-2.0
"""Key-level endorsement policies (Fabric's validation parameter)."""

from __future__ import annotations

from collections.abc import Iterable

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

from medquorum.shim.errors import ChaincodeError

__all__ = ["endorsement_policy"]


def endorsement_policy(msp_ids: Iterable[str], required: int) -> bytes:
    """Make the policy "peers of ``required`` of these organisations", for ``set_state_validation_parameter``.

    The bytes are a ``common.SignaturePolicyEnvelope`` over the organisations in sorted order, as Fabric's
    ``statebased`` package writes them, so every endorser makes the same ones.

    Raises
    ------
    ChaincodeError
        ``BAD_POLICY``: no organisation, one named twice or empty, or ``required`` outside 1 to their number.
    """
    members = sorted(msp_ids)
    if not members or not all(members) or len(set(members)) != len(members):
        raise ChaincodeError("BAD_POLICY", f"organisations must be named once each, got {members}")
    if not 1 <= required <= len(members):
        raise ChaincodeError("BAD_POLICY", f"{required} of {len(members)} organisations cannot be required")
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(members))]
    policy = policies_pb2.SignaturePolicyEnvelope(
        version=0,
        rule=policies_pb2.SignaturePolicy(n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=required, rules=rules)),
        identities=[_peer_of(msp_id) for msp_id in members],
    )
    return bytes(policy.SerializeToString(deterministic=True))


def _peer_of(msp_id: str) -> msp_principal_pb2.MSPPrincipal:
    role = msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.PEER)
    return msp_principal_pb2.MSPPrincipal(
        principal_classification=msp_principal_pb2.MSPPrincipal.ROLE, principal=role.SerializeToString()
    )
