# SPDX-License-Identifier: Apache-2.0
"""Rule documents of a task, typed and checked."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from medquorum.core import canonical
from medquorum.errors import ContractError

__all__ = [
    "Direction",
    "Floor",
    "Nothing",
    "PerUpdate",
    "Prefix",
    "Rule",
    "Slack",
    "Strict",
    "Subject",
    "Threshold",
    "Weighted",
    "parse_rule",
]

Thousandths: TypeAlias = Annotated[int, Field(ge=0, le=1000)]
Weight: TypeAlias = Annotated[int, Field(ge=0, le=1 << 32)]
Subject: TypeAlias = Literal["mixed", "own"]
"""A model a rule evaluates: ``mixed`` is p = λ·w + (1-λ)·r, ``own`` is r."""


class _Rule(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    norm: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Bound on the L2 norm of r - w over all tensors mixed with λ, in thousandths."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Models to evaluate for each candidate."""
        return ("mixed",)

    @property
    def per_class(self) -> bool:
        """True for a rule that looks at correct images of each class."""
        return False

    @property
    def over_round(self) -> bool:
        """True for a rule that judges all candidates of a round at once (VerifyRound)."""
        return False


class Strict(_Rule):
    """[VU]: correct(p) > correct(w)."""

    name: Literal["strict"]


class Slack(_Rule):
    """correct(p) > correct(w) minus ``slack`` thousandths of the set; slack 0 is strict."""

    name: Literal["slack"]
    slack: Thousandths


class Floor(_Rule):
    """Slack, and in every class a recall of at least that of w minus ``floor`` thousandths, and of ``least`` ones.

    ``least`` is for the first round: a random w recognises next to nothing, so that falling below it says nothing.
    """

    name: Literal["floor"]
    slack: Thousandths
    floor: Thousandths
    least: Thousandths = 0
    floor_on: Literal["p", "r"] = "p"

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Models to evaluate for each candidate."""
        return ("mixed", "own") if self.floor_on == "r" else ("mixed",)

    @property
    def per_class(self) -> bool:
        """True: every class has its floor."""
        return True


class Threshold(_Rule):
    """[SMV]: correct(r) of at least ``threshold`` thousandths of the set."""

    name: Literal["threshold"]
    threshold: Thousandths

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Models to evaluate for each candidate."""
        return ("own",)


class Weighted(_Rule):
    """Σ w_y·correct_y(p) > Σ w_y·correct_y(w) minus ``slack`` thousandths of Σ w_y·n_y: classes that count unequally.

    Weights of 1/n_y, as whole numbers, make it balanced accuracy. Of several labels there are two weights for each:
    without it and with it.
    """

    name: Literal["weighted"]
    slack: Thousandths
    weights: Annotated[tuple[Weight, ...], Field(min_length=2, max_length=256)]

    @field_validator("weights")
    @classmethod
    def _some(cls, weights: tuple[int, ...]) -> tuple[int, ...]:
        if not any(weights):
            raise ValueError("all weights are 0")
        return weights

    @property
    def per_class(self) -> bool:
        """True: every class has its weight."""
        return True


class Prefix(_Rule):
    """Order all candidates by correct(p), accept the prefix whose aggregate is best, if it passes ``slack``."""

    name: Literal["prefix"]
    slack: Thousandths

    @property
    def over_round(self) -> bool:
        """True: this rule judges a whole round."""
        return True


class Direction(_Rule):
    """Weigh updates by how far they point where the verifiers' own root update points, choose by margin.

    Attributes
    ----------
    gate
        Refused is a cosine of at most this share of the round's reference cosine.
    least
        Refused is a cosine of at most this, in thousandths.
    width
        Share of the best gain that a longer prefix must reach to be taken.
    margin
        Thousandths of a logit by which the label should win; less is a loss.
    cap
        Largest loss of an image, in thousandths for each further class.
    members
        Least (ΣW)² / ΣW² of a candidate's weights, in thousandths: among how many a sum hides each update.
    drops
        How many updates at most get no weight because the mean is better without them; 0 looks at none.
    apart
        An update is dropped where the loss without it is further below the median of such losses than this, in
        thousandths of their median distance from it.
    keep
        Thousandths of a loss: an update is dropped, and others with it, where the loss without is below.
    epochs, batch
        How the root update is trained.
    """

    name: Literal["direction"]
    gate: Thousandths = 300
    least: Thousandths = 20
    width: Thousandths = 500
    margin: Annotated[int, Field(ge=1, le=100_000)] = 1000
    cap: Annotated[int, Field(ge=1, le=100_000)] = 4000
    members: Annotated[int, Field(ge=0, le=100_000)] = 0
    drops: Annotated[int, Field(ge=0, le=100)] = 0
    apart: Annotated[int, Field(ge=0, le=100_000)] = 3500
    keep: Thousandths = 850
    epochs: Annotated[int, Field(ge=1, le=100)] = 1
    batch: Annotated[int, Field(ge=2, le=4096)] = 64

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """No model is evaluated for an update alone."""
        return ()

    @property
    def over_round(self) -> bool:
        """True: this rule judges a whole round."""
        return True


class Nothing(_Rule):
    """Accept whatever passes RANGE, for comparison only."""

    name: Literal["none"]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """No model is evaluated."""
        return ()


PerUpdate: TypeAlias = Strict | Slack | Floor | Threshold | Weighted | Nothing
Counting: TypeAlias = PerUpdate | Prefix
"""Rules that look at numbers of correct images."""
Rule: TypeAlias = Counting | Direction

_ADAPTER: TypeAdapter[Rule] = TypeAdapter(Annotated[Rule, Field(discriminator="name")])


def parse_rule(document: object) -> Rule:
    """Check a task's ``rule`` and return it as a type.

    Raises
    ------
    ContractError
        ``BAD_RULE`` when the name or a field is unknown, missing or out of bounds; ``BAD_JSON`` when it is not JSON.
    """
    try:
        return _ADAPTER.validate_json(canonical.encode(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "name"
        raise ContractError(
            "BAD_RULE",
            f"the rule is wrong at {place}: {first['msg']}",
            "Use a rule of docs/reference/ledger.md with its fields",
        ) from error


def counting_rule(document: object) -> Counting:
    """Check a task's ``rule`` and return it, where it counts correct images.

    Raises
    ------
    ContractError
        As :func:`parse_rule`; ``WRONG_RULE`` when it does not count.
    """
    rule = parse_rule(document)
    if isinstance(rule, Direction):
        raise ContractError("WRONG_RULE", f"the rule {rule.name} counts no images", "Use another rule here")
    return rule
