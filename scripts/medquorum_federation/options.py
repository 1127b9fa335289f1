# SPDX-License-Identifier: Apache-2.0
"""What one training run is made of: the options of ``scripts/quickstart``, checked before anything starts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from medquorum.clients.admin.tasks import usual_rule
from medquorum.clients.attacks.catalogue import OMNISCIENT, Alone, attack_named
from medquorum.core.documents.encrypted import LEAST_IN_A_SUM
from medquorum.core.rules import MEMBERS

__all__ = ["LAST_PORT", "MODELS", "Options", "first_message"]

MODELS = ("mlp", "lenet", "resnet18")
LAST_PORT = 65_535


class Options(BaseModel):
    """One run. ``mix`` is λ; ``flip`` the class a label flip renames and what to; ``dirichlet`` None deals evenly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = "digits"
    data_dir: Path | None = None
    hospitals: int = Field(default=10, ge=1, le=100)
    adversaries: int = Field(default=3, ge=0)
    adversary_set: Literal["changing", "fixed"] = "changing"
    attack: Alone = "static-label"
    rounds: int = Field(default=10, ge=1, le=100_000)
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=32, ge=1)  # [VU]
    flip: tuple[int, int] = (7, 1)
    model: Literal["mlp", "lenet", "resnet18"] = "mlp"
    mix: Fraction = Fraction(1, 2)
    rule: str = "floor"
    slack: int = Field(default=5, ge=0, le=1000)
    floor: int = Field(default=150, ge=0, le=1000)
    floor_on: Literal["p", "r"] = "r"
    least: int = Field(default=50, ge=0, le=1000)
    threshold: int = Field(default=500, ge=0, le=1000)
    verification: Literal["plain", "encrypted"] = "plain"
    disclosure: Literal["count", "bit"] = "count"
    comparison: Literal["auto", "tree", "fss"] = "auto"
    placement: Literal["outsourced", "smv-semi-honest"] = "outsourced"
    aggregation: Literal["shared"] | None = None
    aggregators: int | None = Field(default=None, ge=2, le=16)
    verification_images: int | None = Field(default=None, ge=1)
    dirichlet: float | None = Field(default=None, gt=0)
    limit: int | None = Field(default=None, ge=1)
    max_bytes: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    network: Literal["fabric", "devnet"] | None = None
    undefended: bool = False
    without_adversaries: bool = False
    keep: bool = False
    no_fork: bool = False
    dashboard: bool = False
    directory: Path = Path("medquorum-network")
    results: Path = Path("results")
    port_base: int | None = Field(default=None, ge=1, le=LAST_PORT)

    @model_validator(mode="before")
    @classmethod
    def _small_data_train_longer(cls, given: dict[str, object]) -> dict[str, object]:
        # A hospital's share of digits is 125 images: one epoch of them moves no model within ten rounds.
        # Its verification set has 27 images of a class: one hospital's r falls below w in some class by chance, and
        # after one round an honest p may know nothing of a class yet.
        small = {"epochs": 10, "batch": 16, "floor_on": "p", "least": 0}
        own = small if given.get("data", "digits") == "digits" else {}
        return own | {name: value for name, value in given.items() if value is not None}

    @field_validator("attack", mode="before")
    @classmethod
    def _possible_in_a_network(cls, attack: object) -> object:
        return attack_named(str(attack)) if attack in OMNISCIENT else attack

    @model_validator(mode="after")
    def _consistent(self) -> Options:
        if self.adversaries > self.hospitals:
            raise ValueError(f"{self.adversaries} adversaries are more than {self.hospitals} hospitals")
        if self.verification == "plain" and (self.aggregation or self.aggregators):
            raise ValueError("plain verifiers see the updates and sum them in their chaincode: shared is for encrypted")
        if self.nodes - 2 > self.hospitals:
            raise ValueError(f"{self.nodes} aggregators are the two parties and more than {self.hospitals} hospitals")
        if self.minimum_accepted > self.hospitals:
            raise ValueError(
                f"under encryption the sum of {self.minimum_accepted} updates is opened: too few hospitals"
            )
        denominator = self.mix.denominator
        if not 0 <= self.mix <= 1 or denominator & (denominator - 1) or denominator > 256:
            raise ValueError("lambda must lie in [0, 1] and be a fraction A/2^k with k <= 8, such as 0.5 or 3/8")
        return self

    @property
    def nodes(self) -> int:
        """Aggregation nodes of an encrypted task: the two parties, then hospitals."""
        return self.aggregators or 2

    @property
    def minimum_accepted(self) -> int:
        """Fewer accepted updates are not averaged: of two under encryption, each follows from the sum and the other."""
        return LEAST_IN_A_SUM if self.verification == "encrypted" else 1

    @property
    def rule_document(self) -> dict[str, object]:
        """The ``rule`` of the task, as docs/reference/ledger.md describes it."""
        name = "none" if self.undefended else self.rule
        fields: dict[str, dict[str, object]] = {
            "strict": {},
            "none": {},
            "slack": {"slack": self.slack},
            "floor": {"slack": self.slack, "floor": self.floor, "floor_on": self.floor_on, "least": self.least},
            "threshold": {"threshold": self.threshold},
            "prefix": {"slack": self.slack},
            "direction": {
                "epochs": self.epochs,
                "batch": self.batch,
                **({"members": MEMBERS} if self.verification == "encrypted" else {}),
            },
        }
        if name not in fields:
            raise ValueError(f"there is no rule '{name}'; rules: {', '.join(fields)}")
        return usual_rule({"name": name} | fields[name], encrypted=self.verification == "encrypted")


def first_message(error: ValueError) -> str:
    """Return what is wrong with options, in a line: pydantic's first finding, or the error's own words."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
