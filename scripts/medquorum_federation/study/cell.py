# SPDX-License-Identifier: Apache-2.0
"""One training of the study: what is trained on, by whom, who attacks how, and which rule decides."""

from __future__ import annotations

import re
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from medquorum.clients.attacks.catalogue import Attack

__all__ = ["UNATTACKED", "Cell", "RootSet"]

LONGEST_TASK = 32
"""Characters of a task's name on the ledger."""
UNATTACKED = ("root-alone", "honest", "honest-half")
"""Rules that no attack meets: a result of theirs belongs to every attack."""
RootSet = Literal["clean", "mislabelled", "shifted", "poisoned", "one-missing"]


class Cell(BaseModel):
    """One training. ``alpha`` None deals evenly; ``limit`` is of all hospitals' images; ``mix`` is λ.

    Attributes
    ----------
    verification
        Images of the verification set, which is the root set too.
    root
        What is wrong with the images that the root update is trained on.
    constants
        Fields of the rule ``direction`` that differ from its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = "mnist"
    model: Literal["mlp", "lenet"] = "mlp"
    alpha: float | None = Field(default=None, gt=0)
    attack: Attack | None = None
    attackers: int = Field(default=0, ge=0)
    rule: str = "direction"
    seed: int = 0
    hospitals: int = Field(default=10, ge=1)
    rounds: int = Field(default=12, ge=1)
    epochs: int = Field(default=1, ge=1)
    batch: int = Field(default=32, ge=2)
    limit: int | None = None
    verification: int = Field(default=500, ge=10)
    root: RootSet = "clean"
    mix: Fraction = Fraction(1, 2)
    constants: tuple[tuple[str, int], ...] = ()

    @property
    def name(self) -> str:
        """Name the cell after data, dealing, attack, rule and all that differs from the defaults, but for its seed."""
        return f"{self.setting}-{self.rule}"

    @property
    def setting(self) -> str:
        """Name all but rule and seed."""
        dealt = "iid" if self.alpha is None else f"a{self.alpha:g}"
        attack = "none" if self.attack is None else self.attack
        share = f"-{100 * self.attackers // self.hospitals}" if self.attackers else ""
        usual = {name: field.default for name, field in Cell.model_fields.items()}
        shown = {"data", "alpha", "attack", "attackers", "rule", "seed", "constants"}
        parts = [f"{name}{value}" for name, value in self if name not in shown and value != usual[name]]
        parts += [f"{name}{value}" for name, value in self.constants]
        return "-".join([Path(self.data).stem, dealt, attack + share, *parts]).replace("/", "of")

    @property
    def task(self) -> str:
        """Name the task that seeds all training: the same for all rules and attacks, so that luck is no difference.

        As the ledger takes it; what is too long ends in its hash.
        """
        whole = re.sub("[^a-z0-9-]", "", f"rules-{self.federation.setting}".lower())
        seed = f"-s{self.seed}"
        if len(whole + seed) <= LONGEST_TASK:
            return whole + seed
        digest = sha256(whole.encode()).hexdigest()[:8]
        return f"{whole[: LONGEST_TASK - len(seed) - len(digest) - 1]}-{digest}{seed}"

    @property
    def federation(self) -> Cell:
        """Return what its hospitals, their images and their training depend on: cells alike in it share them."""
        return Cell(
            **{
                name: getattr(self, name)
                for name in ("data", "model", "alpha", "seed", "hospitals", "epochs", "batch", "limit", "verification")
            }
        )
