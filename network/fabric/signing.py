# SPDX-License-Identifier: Apache-2.0
"""Signatures on a configuration change: an organisation's own, those that files bring together, what is lacking."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace

from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2

from medquorum import ConfigError
from network.consortium import Organisation
from network.devnet.identity import Signer
from network.fabric.channelconfig import APPLICATION, Change
from network.paths import NetworkFolder

__all__ = ["merge", "satisfied", "sign", "signers"]

NONCE_BYTES = 24


def sign(change: Change, one: Organisation, folder: NetworkFolder) -> Change:
    """Add the signature of an organisation's administrator; a second one of the same organisation adds nothing."""
    if one.msp_id in signers(change):
        return change
    signer = Signer.load(one.msp_id, folder.user(one, "Admin") / "msp")
    header = common_pb2.SignatureHeader(creator=signer.serialized, nonce=secrets.token_bytes(NONCE_BYTES))
    signed = header.SerializeToString()
    signature = configtx_pb2.ConfigSignature(signature_header=signed, signature=signer.sign(signed + change.update))
    return replace(change, signatures=(*change.signatures, signature))


def signers(change: Change) -> list[str]:
    """List the MSP ids whose signatures the change carries; whether they are genuine the orderers check."""
    return [_creator(one) for one in change.signatures]


def merge(changes: Iterable[Change]) -> Change:
    """Bring the signatures of copies of one change together.

    Raises
    ------
    ConfigError
        When they are different changes.
    """
    first, *others = changes
    found = {_creator(one): one for one in first.signatures}
    for other in others:
        if other.update != first.update:
            raise ConfigError("the files hold different changes", "Submit copies of one file only")
        found |= {_creator(one): one for one in other.signatures}
    return replace(first, signatures=tuple(found.values()))


def satisfied(running: configtx_pb2.Config, msp_ids: Iterable[str]) -> bool:
    """Tell whether administrators of these organisations satisfy the running channel's Application/Admins."""
    policy = running.channel_group.groups[APPLICATION].policies["Admins"].policy
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy.value)
    roles = [msp_principal_pb2.MSPRole.FromString(one.principal) for one in envelope.identities]
    return _holds(envelope.rule, [role.msp_identifier for role in roles], set(msp_ids))


def _holds(rule: policies_pb2.SignaturePolicy, principals: list[str], signed: set[str]) -> bool:
    if rule.WhichOneof("Type") == "signed_by":
        return principals[rule.signed_by] in signed
    holding = sum(_holds(one, principals, signed) for one in rule.n_out_of.rules)
    return holding >= int(rule.n_out_of.n)


def _creator(signature: configtx_pb2.ConfigSignature) -> str:
    header = common_pb2.SignatureHeader.FromString(signature.signature_header)
    return str(identities_pb2.SerializedIdentity.FromString(header.creator).mspid)
