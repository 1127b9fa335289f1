# SPDX-License-Identifier: Apache-2.0
"""Signatures on a configuration change: an organisation's own, those that files bring together, what is lacking."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace

from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2
from google.protobuf.message import DecodeError

from medquorum.core.x509 import read_certificate
from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.channel_config import APPLICATION, ORDERER, Change
from medquorum.network.identity.msp import IdentityError, Msp, Msps, Signer

__all__ = ["genuine", "merge", "satisfied", "sign", "signers"]

NONCE_BYTES = 24


def sign(change: Change, organisation: Organisation, folder: NetworkFolder) -> Change:
    """Add the signature of an organisation's administrator; a second one of the same organisation adds nothing."""
    if organisation.msp_id in signers(change):
        return change
    signer = Signer.load(organisation.msp_id, folder.user(organisation, "Admin") / "msp")
    header = common_pb2.SignatureHeader(creator=signer.serialized, nonce=secrets.token_bytes(NONCE_BYTES))
    signed = header.SerializeToString()
    signature = configtx_pb2.ConfigSignature(signature_header=signed, signature=signer.sign(signed + change.update))
    return replace(change, signatures=(*change.signatures, signature))


def signers(change: Change) -> list[str]:
    """List the MSP ids whose signatures the change carries, genuine or not (`genuine`)."""
    return [_creator(signature) for signature in change.signatures]


def merge(changes: Iterable[Change]) -> Change:
    """Bring the signatures of copies of one change together.

    Raises
    ------
    ConfigError
        When they are different changes.
    """
    first, *others = changes
    if any(other.update != first.update for other in others):
        raise ConfigError("the files hold different changes", "Submit copies of one file only")
    signatures = {
        signature.SerializeToString(): signature for change in (first, *others) for signature in change.signatures
    }
    return replace(first, signatures=tuple(signatures.values()))


def genuine(change: Change, running: configtx_pb2.Config) -> tuple[Change, list[str]]:
    """Keep one signature of each organisation that its administrator made, by the MSPs of the running channel.

    Returns the change, and for each signature that was dropped whose it claims to be and what is wrong with it.
    """
    msps = Msps(_msps(running))
    kept: dict[str, configtx_pb2.ConfigSignature] = {}
    dropped = []
    for signature in change.signatures:
        try:
            creator = common_pb2.SignatureHeader.FromString(signature.signature_header).creator
            identity = msps.authenticate(creator, signature.signature_header + change.update, signature.signature)
            if identity.role != "admin":
                raise IdentityError(f"signed by {identity.msp_id}'s {identity.role}, not by an administrator")
            kept.setdefault(identity.msp_id, signature)
        except (IdentityError, DecodeError) as error:
            dropped.append(f"{_claimed(signature)}: {error}")
    return replace(change, signatures=tuple(kept.values())), dropped


def satisfied(running: configtx_pb2.Config, msp_ids: Iterable[str]) -> bool:
    """Return whether administrators of these organisations satisfy the running channel's Application/Admins."""
    policy = running.channel_group.groups[APPLICATION].policies["Admins"].policy
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy.value)
    roles = [msp_principal_pb2.MSPRole.FromString(identity.principal) for identity in envelope.identities]
    return _holds(envelope.rule, [role.msp_identifier for role in roles], set(msp_ids))


def _holds(rule: policies_pb2.SignaturePolicy, principals: list[str], signed: set[str]) -> bool:
    if rule.WhichOneof("Type") == "signed_by":
        return principals[rule.signed_by] in signed
    holding = sum(_holds(part, principals, signed) for part in rule.n_out_of.rules)
    return holding >= int(rule.n_out_of.n)


def _creator(signature: configtx_pb2.ConfigSignature) -> str:
    header = common_pb2.SignatureHeader.FromString(signature.signature_header)
    return str(identities_pb2.SerializedIdentity.FromString(header.creator).mspid)


def _claimed(signature: configtx_pb2.ConfigSignature) -> str:
    try:
        return _creator(signature) or "nobody"
    except DecodeError:
        return "nobody"


def _msps(running: configtx_pb2.Config) -> Iterator[Msp]:
    """Read the members' and the orderer organisations' MSPs in a configuration."""
    for section in (APPLICATION, ORDERER):
        for group in running.channel_group.groups[section].groups.values():
            value = msp_config_pb2.MSPConfig.FromString(group.values["MSP"].value)
            msp = msp_config_pb2.FabricMSPConfig.FromString(value.config)
            pems = (*msp.root_certs, *msp.intermediate_certs)
            yield Msp(msp.name, tuple(read_certificate(pem) for pem in pems))
