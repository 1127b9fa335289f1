# SPDX-License-Identifier: Apache-2.0
"""The consortium: which organisation has which roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from medquorum.core import canonical
from medquorum.core.documents.document import Attribute, Document
from medquorum.core.documents.fields import Hash, MspId

__all__ = ["Consortium", "ConsortiumProposal", "Role", "founding_hash", "least_quorum"]

MAX_ORGANISATIONS = 512
MAX_SEQUENCE = 999_999

Role = Literal["auditor", "coordinator", "dealer", "hospital", "verifier"]
Roles = Annotated[list[Role], Field(min_length=1)]

# One organisation in both roles of a pair would undo what the pair keeps apart: the images from the hospitals, the
# dealer's randomness from the parties.
APART = (("hospital", "verifier"), ("dealer", "verifier"), ("dealer", "hospital"))


def least_quorum(verifiers: int) -> int:
    """Return the smallest quorum: two, so that no verifier decides alone where there are others.

    A majority would be more than the two parties of an encrypted task, who are its only verifiers.
    """
    return min(2, verifiers)


def founding_hash(quorum: int, members: Mapping[str, Collection[str]]) -> str:
    """Return the SHA-256 of what a verifier expects of the first consortium, in hex.

    That is the quorum and who has which roles. Those that are hospitals and nothing else are left out: they decide
    nothing alone, and join and leave while the processes run that were told this hash.
    """
    roles = [[msp, sorted(members[msp])] for msp in sorted(members) if set(members[msp]) != {"hospital"}]
    return sha256(b"medquorum consortium v1" + canonical.encode([quorum, roles])).hexdigest()


class Consortium(Document):
    """The organisations and their roles; ``quorum`` (k) verifiers endorse every transaction."""

    kind: ClassVar[str] = "consortium"
    names_format: ClassVar[bool] = True

    sequence: Annotated[int, Field(ge=1, le=MAX_SEQUENCE)]
    quorum: Annotated[int, Field(ge=1, le=MAX_ORGANISATIONS)]
    members: Annotated[dict[MspId, Roles], Field(min_length=1, max_length=MAX_ORGANISATIONS)]

    @model_validator(mode="after")
    def _check(self) -> Consortium:
        for msp, roles in self.members.items():
            if len(set(roles)) != len(roles):
                raise ValueError(f"{msp} has a role twice")
            for role, other in APART:
                if role in roles and other in roles:
                    raise ValueError(f"{msp} cannot be both {role} and {other}")
        if not self.having("coordinator"):
            raise ValueError("no organisation is coordinator")
        verifiers = len(self.having("verifier"))
        if not least_quorum(verifiers) <= self.quorum <= verifiers:
            raise ValueError(f"a quorum of {self.quorum} of {verifiers} verifiers is less than two or too many")
        return self

    def having(self, role: Role) -> list[str]:
        """List the organisations that have a role, sorted."""
        return sorted(msp for msp, roles in self.members.items() if role in roles)


class ConsortiumProposal(Document):
    """One verifier's approval of the next consortium."""

    kind: ClassVar[str] = "consortiumProposal"

    msp: MspId
    sequence: Annotated[int, Field(ge=2, le=MAX_SEQUENCE)]
    hash: Hash

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The approving verifier."""
        return (self.msp,)
