# SPDX-License-Identifier: Apache-2.0
"""Who must sign what, derived from the roles; in Fabric's signature policy language.

Ten hospitals in a channel of thirteen organisations would own Fabric's default MAJORITY, so every policy that could
fall to hospitals alone is written out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medquorum.network.consortium.consortium import Consortium, Organisation

__all__ = ["any_of", "collections", "endorsement", "governance", "readers", "third_of_hospitals", "writers"]


def any_of(organisations: Iterable[Organisation], *roles: str) -> str:
    """Return ``OR('AMSP.role', ...)``."""
    organisations = tuple(organisations)
    return f"OR({', '.join(_principals(organisations, role) for role in roles)})"


def readers(organisations: Iterable[Organisation]) -> str:
    """Return who may read and follow the channel: the organisations' peers, clients and administrators."""
    return any_of(organisations, "peer", "client", "admin")


def writers(organisations: Iterable[Organisation]) -> str:
    """Return who may send transactions: the organisations' clients and administrators."""
    return any_of(organisations, "client", "admin")


def endorsement(consortium: Consortium) -> str:
    """Return the chaincode's endorsement policy: any k verifiers' peers, and never a hospital's."""
    return f"OutOf({consortium.quorum}, {_principals(consortium.having('verifier'), 'peer')})"


def governance(consortium: Consortium, role: str) -> str:
    """Return k verifiers and a third of the hospitals.

    With role ``peer`` for the chaincode's life cycle, with ``admin`` for the channel's configuration.
    """
    verifiers = f"OutOf({consortium.quorum}, {_principals(consortium.having('verifier'), role)})"
    hospitals = consortium.having("hospital")
    if not hospitals:
        return verifiers
    return f"AND({verifiers}, OutOf({third_of_hospitals(consortium)}, {_principals(hospitals, role)}))"


def third_of_hospitals(consortium: Consortium) -> int:
    """Count the hospitals that make a third, rounded up."""
    return -(-len(consortium.having("hospital")) // 3)


def collections(consortium: Consortium) -> list[dict[str, Any]]:
    """Return the private data collections of docs/reference/ledger.md in Fabric's ``collections_config.json`` form.

    Every verifier needs ``updates`` at once: whoever endorses has it, so it is pushed only where some need not endorse.
    ``models`` is pushed to two others, the rest pull it on commit.
    """
    verifiers = consortium.having("verifier")
    hospitals = consortium.having("hospital")
    return [
        _collection("updates", verifiers, len(verifiers) - 1 if len(verifiers) > consortium.quorum else 0, consortium),
        _collection("models", (*verifiers, *hospitals), 2, consortium),
    ]


def _collection(name: str, members: Iterable[Organisation], pushed_to: int, consortium: Consortium) -> dict[str, Any]:
    return {
        "name": name,
        "policy": any_of(members, "member"),
        "requiredPeerCount": 0,
        "maxPeerCount": pushed_to,
        "blockToLive": 0,
        "memberOnlyRead": True,
        "memberOnlyWrite": False,
        "endorsementPolicy": {"signaturePolicy": endorsement(consortium)},
    }


def _principals(organisations: Iterable[Organisation], role: str) -> str:
    """Name the organisations' roles by MSP id, whatever their order in the file: every host writes the same policy."""
    return ", ".join(f"'{msp_id}.{role}'" for msp_id in sorted(organisation.msp_id for organisation in organisations))
