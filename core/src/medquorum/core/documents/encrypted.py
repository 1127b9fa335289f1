# SPDX-License-Identifier: Apache-2.0
"""What an encrypted task fixes beside the rule: who computes on the shares, where, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from medquorum.core.documents.fields import MspId

__all__ = ["LEAST_IN_A_SUM", "MAX_BATCH", "MAX_NODES", "Address", "Encrypted", "Placement"]

MAX_BATCH = 1024
MAX_NODES = 16
LEAST_IN_A_SUM = 3
"""Accepted updates whose sum may be opened: of two, each hospital could compute the other's."""

Placement = Literal["outsourced", "smv-semi-honest"]

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}:[1-9][0-9]{0,4}$")]


class Encrypted(BaseModel):
    """The settings of an encrypted task.

    Parameters
    ----------
    parties
        Who hold a share of every update each, the first one with the images; they are the task's verifiers.
    dealer
        Who deals both their randomness; no party, so that nobody has an update's shares or masks together.
    aggregators
        The nodes that open the accepted updates' sum: the parties, and any others but the dealer; sorted.
    services
        ``host:port`` at which the nodes and the dealer answer.
    comparison
        How values are compared: with few bytes (``tree``), in few rounds (``fss``), or as the parties' links make it
        faster (``auto``). Verdicts do not depend on it.
    batch
        Images evaluated together.
    grayscale
        Whether every image is one channel repeated, so that one is enough to evaluate.
    placement
        Who is P1 in an update's verification: ``outsourced``, the second of the parties; ``smv-semi-honest``, as in
        [SMV], the hospital whose update it is, so that the second party only adds up shares.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    parties: Annotated[list[MspId], Field(min_length=2, max_length=2)]
    dealer: MspId
    aggregators: Annotated[list[MspId], Field(min_length=2, max_length=MAX_NODES)]
    services: dict[MspId, Address]
    comparison: Literal["auto", "tree", "fss"]
    batch: Annotated[int, Field(ge=1, le=MAX_BATCH)]
    grayscale: bool
    placement: Placement

    @model_validator(mode="before")
    @classmethod
    def _nodes(cls, fields: Any) -> Any:
        """Let the parties be the nodes where none are named."""
        if isinstance(fields, dict) and isinstance(fields.get("parties"), list):
            named = fields.get("aggregators", fields["parties"])
            return fields | {"aggregators": sorted(named, key=str) if isinstance(named, list) else named}
        return fields

    @field_validator("services")
    @classmethod
    def _ports(cls, services: dict[str, str]) -> dict[str, str]:
        beyond = [address for address in services.values() if int(address.rpartition(":")[2]) > 65535]
        if beyond:
            raise ValueError(f"{beyond[0]} has no port from 1 to 65535")
        return services

    @model_validator(mode="after")
    def _members(self) -> Encrypted:
        members = {*self.parties, self.dealer}
        if len(members) != 3:
            raise ValueError("the two parties and the dealer are three organisations")
        if len(set(self.aggregators)) != len(self.aggregators) or not {*self.parties} <= {*self.aggregators}:
            raise ValueError("the aggregators are the parties and others, each named once")
        if self.dealer in self.aggregators:
            raise ValueError("the dealer, who knows the masks, is no aggregator")
        members |= {*self.aggregators}
        if self.services.keys() != members:
            raise ValueError(f"services names an address for each of {', '.join(sorted(members))}, and for nobody else")
        return self

    @property
    def semi_honest(self) -> bool:
        """Return whether hospitals verify their own updates, and so have to be trusted to keep to the protocol."""
        return self.placement == "smv-semi-honest"

    def evaluators(self, hospital: str) -> tuple[str, str]:
        """Return P0 and P1 of one update's verification."""
        return self.parties[0], hospital if self.semi_honest else self.parties[1]
