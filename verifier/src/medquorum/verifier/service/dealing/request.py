# SPDX-License-Identifier: Apache-2.0
"""What a party asks the dealer for."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.core import canonical
from medquorum.errors import ContractError, ProtocolError
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["DealRequest"]


@dataclass(frozen=True)
class DealRequest:
    """A party's request for the material of one attempt of one verification.

    Attributes
    ----------
    task : str
    round : int
    hospital : str
        MSP id.
    attempt : int
        Grows with every try; an attempt is dealt once.
    party : int
        0 or 1.
    plan : PlanDocument
    """

    task: str
    round: int
    hospital: str
    attempt: int
    party: int
    plan: PlanDocument

    @property
    def name(self) -> MaterialId:
        """The verification's name."""
        return MaterialId(self.task, self.round, self.hospital, self.attempt)

    @property
    def key(self) -> bytes:
        """The name as canonical JSON, by which the dealer remembers it."""
        return canonical.encode([self.task, self.round, self.hospital, self.attempt])

    @property
    def other(self) -> DealRequest:
        """What the other party must have asked for."""
        return DealRequest(self.task, self.round, self.hospital, self.attempt, 1 - self.party, self.plan)

    def encode(self) -> bytes:
        """Give the request as canonical JSON."""
        return canonical.encode(
            {
                "attempt": self.attempt,
                "hospital": self.hospital,
                "party": self.party,
                "plan": self.plan.document(),
                "round": self.round,
                "task": self.task,
            }
        )

    @classmethod
    def decode(cls, raw: bytes) -> DealRequest:
        """Read a request.

        Raises
        ------
        ProtocolError
            It is none, or its plan is wrong.
        """
        remedy = "Run the same version at parties and dealer"
        try:
            document = canonical.decode(raw)
        except ContractError as error:
            raise ProtocolError("the request cannot be read", remedy) from error
        match document:
            case {
                "task": str(task),
                "round": int(number),
                "hospital": str(hospital),
                "attempt": int(attempt),
                "party": 0 | 1 as party,
                "plan": plan,
                **rest,
            } if not rest and not any(isinstance(one, bool) for one in (number, attempt, party)):
                return cls(task, number, hospital, attempt, int(party), PlanDocument.parse(plan))
        raise ProtocolError("the request lacks a field or has a wrong one", remedy)
