# SPDX-License-Identifier: Apache-2.0
"""Signature policies: Fabric's policy language, and whether a set of identities satisfies one (``common.policies``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fabric_protos.common.policies_pb2 import SignaturePolicy, SignaturePolicyEnvelope
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.msp.msp_principal_pb2 import MSPPrincipal, MSPRole, OrganizationUnit
from google.protobuf.message import DecodeError

from medquorum.errors import ConfigError
from medquorum.network.identity.msp import Identity

__all__ = ["member_organisations", "out_of", "parse", "read", "satisfied"]

TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z]+)|(?P<number>[0-9]+)|['\"](?P<name>[^'\"]+)['\"]|(?P<mark>[(),]))")
ROLE = re.compile(r"(?P<msp>[A-Za-z0-9.-]+)\.(?P<role>member|admin|client|peer|orderer)")
HINT = "Write it as OutOf(2, 'AMSP.peer', 'BMSP.peer'), AND(...) or OR(...)"


def parse(text: str) -> Any:
    """Read a policy such as ``OutOf(2, 'AMSP.peer', OR('BMSP.peer', 'CMSP.admin'))``.

    Returns
    -------
    common.SignaturePolicyEnvelope

    Raises
    ------
    ConfigError
        When the text is not such a policy.
    """
    tokens = _tokens(text)
    envelope = SignaturePolicyEnvelope(version=0)
    rule, rest = _rule(tokens, 0, envelope, text)
    if rest != len(tokens):
        raise ConfigError(f"text after the end of the policy {text!r}", HINT)
    envelope.rule.CopyFrom(rule)
    return envelope


def out_of(count: int, principals: Sequence[str]) -> Any:
    """Make the policy that ``count`` of the named principals (``AMSP.peer``) must sign."""
    return parse(f"OutOf({count}, {', '.join(repr(principal) for principal in principals)})")


def read(data: bytes) -> Any | None:
    """Read a serialized policy; None when it is none."""
    try:
        envelope = SignaturePolicyEnvelope.FromString(data)
    except DecodeError:
        return None
    return envelope if envelope.rule.WhichOneof("Type") else None


def satisfied(envelope: Any, identities: Sequence[Identity]) -> bool:
    """Return whether distinct, valid identities satisfy a policy; each identity counts for one principal at most.

    Greedy and in order, as in Fabric: an identity is used by the first principal that takes it.
    """
    unique = list({identity.key: identity for identity in identities if not identity.fault}.values())
    return _holds(envelope.rule, envelope.identities, unique, [False] * len(unique))


def member_organisations(envelope: Any) -> frozenset[str]:
    """Return the MSP ids a policy names."""
    msp_ids = set()
    for principal in envelope.identities:
        if principal.principal_classification == MSPPrincipal.ROLE:
            msp_ids.add(MSPRole.FromString(principal.principal).msp_identifier)
        elif principal.principal_classification == MSPPrincipal.ORGANIZATION_UNIT:
            msp_ids.add(OrganizationUnit.FromString(principal.principal).msp_identifier)
        elif principal.principal_classification == MSPPrincipal.IDENTITY:
            msp_ids.add(SerializedIdentity.FromString(principal.principal).mspid)
    return frozenset(msp_ids)


def _holds(rule: Any, principals: Sequence[Any], identities: list[Identity], used: list[bool]) -> bool:
    kind = rule.WhichOneof("Type")
    if kind == "signed_by":
        if not 0 <= rule.signed_by < len(principals):
            return False
        for index, identity in enumerate(identities):
            if not used[index] and _is(identity, principals[rule.signed_by]):
                used[index] = True
                return True
        return False
    if kind != "n_out_of":
        return False
    count = 0
    for sub in rule.n_out_of.rules:
        trial = list(used)
        if _holds(sub, principals, identities, trial):
            count += 1
            used[:] = trial
    return bool(count >= rule.n_out_of.n)


def _is(identity: Identity, principal: Any) -> bool:
    kind = principal.principal_classification
    if kind == MSPPrincipal.ROLE:
        role = MSPRole.FromString(principal.principal)
        name = MSPRole.MSPRoleType.Name(role.role).lower()
        return bool(role.msp_identifier == identity.msp_id) and name in ("member", identity.role)
    if kind == MSPPrincipal.ORGANIZATION_UNIT:
        unit = OrganizationUnit.FromString(principal.principal)
        return unit.msp_identifier == identity.msp_id and unit.organizational_unit_identifier in identity.units
    if kind == MSPPrincipal.IDENTITY:
        other = SerializedIdentity.FromString(principal.principal)
        return other.mspid == identity.msp_id and identity.matches(other.id_bytes)
    return False


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ConfigError(f"cannot read the policy {text!r} at position {position}", HINT)
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _rule(tokens: list[tuple[str, str]], at: int, envelope: Any, text: str) -> tuple[Any, int]:
    """Read one rule from position ``at``; return it with the position after it."""
    kind, value = tokens[at] if at < len(tokens) else ("end", "")
    if kind == "name":
        return _principal(value, envelope, text), at + 1
    gate = value.lower() if kind == "word" else ""
    if gate not in ("and", "or", "outof") or tokens[at + 1 : at + 2] != [("mark", "(")]:
        raise ConfigError(f"the policy {text!r} has {value or 'nothing'!r} where a rule should be", HINT)
    at += 2
    wanted = None
    if gate == "outof":
        if tokens[at][0] != "number" or tokens[at + 1 : at + 2] != [("mark", ",")]:
            raise ConfigError(f"OutOf needs a number first in {text!r}", HINT)
        wanted, at = int(tokens[at][1]), at + 2
    rules = []
    while True:
        rule, at = _rule(tokens, at, envelope, text)
        rules.append(rule)
        mark = tokens[at : at + 1]
        at += 1
        if mark == [("mark", ")")]:
            break
        if mark != [("mark", ",")]:
            raise ConfigError(f"the policy {text!r} lacks a comma or a closing bracket", HINT)
    if wanted is None:
        wanted = len(rules) if gate == "and" else 1
    if not 1 <= wanted <= len(rules):
        raise ConfigError(f"OutOf({wanted}) over {len(rules)} rules in {text!r}", "Ask for 1 to as many as there are")
    return SignaturePolicy(n_out_of=SignaturePolicy.NOutOf(n=wanted, rules=rules)), at


def _principal(name: str, envelope: Any, text: str) -> Any:
    match = ROLE.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"{name!r} in {text!r} is no principal", "Write MSPID.member, .admin, .client, .peer, .orderer"
        )
    role = MSPRole(msp_identifier=match["msp"], role=MSPRole.MSPRoleType.Value(match["role"].upper()))
    envelope.identities.append(
        MSPPrincipal(principal_classification=MSPPrincipal.ROLE, principal=role.SerializeToString())
    )
    return SignaturePolicy(signed_by=len(envelope.identities) - 1)
