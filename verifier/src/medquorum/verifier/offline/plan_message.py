# SPDX-License-Identifier: Apache-2.0
"""The plan of a verification as a document: what both parties send the dealer, who deals for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medquorum.core import canonical
from medquorum.core.aggregate import MAX_UPDATES
from medquorum.core.fixedpoint import MAX_LAMBDA_BITS
from medquorum.core.model import ModelDescription
from medquorum.core.model.shapes import check_shapes
from medquorum.core.rules.direction.tables import MAX_DISTANCE
from medquorum.errors import ConfigError, ContractError, ModelError, ProtocolError
from medquorum.verifier.comparison.backends import Comparing, back_end
from medquorum.verifier.comparison.interface import Comparison
from medquorum.verifier.direction.statistics import check_statistics
from medquorum.verifier.model.plan import Plan
from medquorum.verifier.model.planning import SubjectKey, make_candidate_plan, make_plan
from medquorum.verifier.offline.cost_model import fitting_batch, in_batches
from medquorum.verifier.offline.dealer import Dealer, Dealing
from medquorum.verifier.offline.direction_steps import (
    ChoiceStep,
    DirectionStep,
    LevelsStep,
    LossStep,
    MaskSeedsOf,
    RootStep,
    deal_step,
)
from medquorum.verifier.randomness.identifier import MaterialId

__all__ = ["PlanDocument"]

Count = Annotated[int, Field(ge=0, lt=1 << 31)]
MspId = Annotated[str, Field(min_length=1, max_length=256)]


class PlanDocument(BaseModel):
    """A plan of `medquorum.verifier.model.planning.make_plan`, the images' number and batches, and what is decided.

    Attributes
    ----------
    parties
        MSP ids of P0 and P1.
    subjects
        Tuple of "mixed" or "own".
    lambda_numerator, lambda_bits, grayscale, norm, per_class
        As for :func:`medquorum.verifier.model.planning.make_plan`.
    comparison
        "tree" or "fss".
    batch, images
        Images in a batch, and in all.
    first_batch
        Batches before it were evaluated in an earlier attempt.
    needed
        Minima of the decision; 0 when counts are opened.
    updates
        As for :func:`medquorum.verifier.model.planning.make_plan`.
    step
        Of the rule ``direction``; None where one update, or the model of a sum, is evaluated.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    parties: tuple[MspId, MspId]
    model: ModelDescription
    subjects: Annotated[tuple[SubjectKey, ...], Field(max_length=2)]
    lambda_numerator: Count
    lambda_bits: Annotated[int, Field(ge=0, le=MAX_LAMBDA_BITS)]
    grayscale: bool
    norm: Annotated[int, Field(ge=0, lt=1 << 62)] | None
    per_class: bool
    comparison: Comparing
    batch: Annotated[int, Field(ge=1, le=1024)]
    images: Count
    first_batch: Count
    needed: Annotated[int, Field(ge=0, le=1024)]
    updates: Annotated[int, Field(ge=0, le=MAX_UPDATES)]
    step: DirectionStep | None = None

    @classmethod
    def parse(cls, document: object) -> Self:
        """Check a document and return it as types.

        Raises
        ------
        ProtocolError
            A field is missing, unknown or out of bounds, or the model is not one.
        """
        try:
            return cls.model_validate_json(canonical.encode(document))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "document"
            raise ProtocolError(
                f"the plan is wrong at {place}: {first['msg']}", "Run the same version everywhere"
            ) from error
        except (ContractError, ModelError, RecursionError) as error:
            raise ProtocolError(f"the plan is wrong: {error}", "Run the same version everywhere") from error

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shapes(self.model)
        if self.parties[0] == self.parties[1]:
            raise ValueError("the parties are one organisation")
        if len(set(self.subjects)) != len(self.subjects):
            raise ValueError("a subject is named twice")
        if self.lambda_numerator > 1 << self.lambda_bits:
            raise ValueError("lambda is above 1")
        return self

    @property
    def has_update(self) -> bool:
        """Whether an update of the verification's own name is looked at, so that each party gets its mask's seed."""
        return not isinstance(self.step, LossStep | ChoiceStep)

    def document(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return self.model_dump(mode="json", by_alias=True)

    def plan(self) -> Plan:
        """Return the plan that dealer and parties follow.

        Raises
        ------
        ConfigError
            The norm bound does not fit the ring.
        """
        if isinstance(self.step, LossStep):
            weight = sum(weight for _, weight in self.step.weights)
            return make_candidate_plan(self.model, self.step.rule, weight, grayscale=self.grayscale)
        made = make_plan(
            self.model,
            self.subjects,
            lambda_numerator=self.lambda_numerator,
            lambda_bits=self.lambda_bits,
            grayscale=self.grayscale,
            norm=self.norm,
            per_class=self.per_class,
            updates=self.updates,
        )
        if isinstance(self.step, RootStep | LevelsStep):
            check_statistics(made.layout)
            return replace(made, norm=min(MAX_DISTANCE, MAX_DISTANCE if made.norm is None else made.norm))
        return made

    def back_end(self, name: MaterialId) -> Comparison:
        """Return a new back end for the batches of the verification called ``name``."""
        return back_end(self.comparison, name)

    def batches(self) -> list[tuple[int, slice]]:
        """Return the number and the images of every batch that is to be evaluated."""
        parts = in_batches(self.images, fitting_batch(self.plan(), self.batch, self.comparison))
        return list(enumerate(parts))[self.first_batch :]

    def deal(
        self,
        seeds: tuple[bytes, bytes],
        name: MaterialId,
        mask_seeds: tuple[bytes, bytes] | None = None,
        mask_seeds_of: MaskSeedsOf | None = None,
    ) -> Iterator[Dealing]:
        """Deal the whole verification called ``name``, in the order in which the parties need it.

        ``mask_seeds`` are those of the mask of the update's parameters, where it has them from an earlier attempt;
        ``mask_seeds_of`` returns those of other updates, which a step of the rule ``direction`` looks at.

        Raises
        ------
        ConfigError
            The norm bound does not fit the ring.
        """
        plan = self.plan()
        dealer = Dealer(seeds, name, plan, self.back_end(name), mask_seeds=mask_seeds)
        if self.step is not None:
            if mask_seeds_of is None:
                raise ConfigError("the dealer keeps no masks", "Deal as the dealer of a task")
            yield from deal_step(self.step, dealer, plan.layout, name, mask_seeds_of, self.batches())
            return
        yield from dealer.model()
        yield from dealer.batches(self.batches())
        yield from dealer.decision(self.needed)
