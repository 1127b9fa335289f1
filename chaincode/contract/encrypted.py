# SPDX-License-Identifier: Apache-2.0
"""What an encrypted task fixes beside the rule: who computes on the shares, where, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from chaincode.contract.documents import MspId

__all__ = ["MAX_BATCH", "Address", "Encrypted"]

MAX_BATCH = 1024

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}:[1-9][0-9]{0,4}$")]


class Encrypted(BaseModel):
    """The settings of an encrypted task.

    Parameters
    ----------
    parties
        P0 and P1, who hold a share of every update each; they are the task's verifiers.
    dealer
        Who deals both their randomness; no party, so that nobody has an update's shares or masks together.
    services
        ``host:port`` at which the parties and the dealer answer.
    comparison
        How the place of the largest output is found.
    batch
        Images evaluated together.
    grey
        Whether every image is one channel repeated, so that one is enough to evaluate.
    placement
        Where the verification runs: ``outsourced`` to the two parties.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    parties: Annotated[list[MspId], Field(min_length=2, max_length=2)]
    dealer: MspId
    services: dict[MspId, Address]
    comparison: Literal["tree", "fss"]
    batch: Annotated[int, Field(ge=1, le=MAX_BATCH)]
    grey: bool
    placement: Literal["outsourced"]

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
        if self.services.keys() != members:
            raise ValueError(f"services names an address for each of {', '.join(sorted(members))}, and for nobody else")
        return self

    def other(self, party: str) -> str:
        """Give the other party."""
        return self.parties[1 - self.parties.index(party)]
