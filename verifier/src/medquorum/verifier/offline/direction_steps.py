# SPDX-License-Identifier: Apache-2.0
"""What dealer and parties do for the rule ``direction``, step by step: each is a verification of its own.

1. ``root``: RANGE, norm and the norm's level of the root update.
2. ``levels``: RANGE, norm and both levels of an update, beside the root.
3. ``loss``: shares of the loss of a model of weighted updates; nothing is opened.
4. ``gain`` and ``last``: the rule's two questions on shares of gains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medquorum.core import canonical
from medquorum.core.documents.fields import MAX_MEMBERS, MspId, Weight
from medquorum.core.documents.root import ROOT
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model.layout import TensorSpec
from medquorum.core.rules.direction.tables import NORMS
from medquorum.core.rules.direction.weights import WEIGHT_BITS
from medquorum.core.rules.documents import Direction
from medquorum.verifier.binding.masks import mask_share, update_mask
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.choice import deal_any_gains, deal_last_with
from medquorum.verifier.direction.combination import weighted_sum
from medquorum.verifier.direction.norm_level import deal_norm_level
from medquorum.verifier.direction.update_levels import UpdateLevels
from medquorum.verifier.model.parameters import tensors
from medquorum.verifier.offline.dealer import Dealer, Dealing
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.material import MaskShares

__all__ = ["STEP_GATE", "ChoiceStep", "DirectionStep", "LevelsStep", "LossStep", "MaskSeedsOf", "RootStep", "deal_step"]

STEP_GATE = "direction"
"""Name of the gate that is a step's own."""
MaskSeedsOf: TypeAlias = Callable[[MaterialId], tuple[bytes, bytes]]
"""Returns the seeds of the mask of an update that was bound."""


class _Step(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RootStep(_Step):
    """The root update's own level."""

    do: Literal["root"] = "root"

    def name(self, hospital: str) -> str:
        """Return the verification's name."""
        return ROOT


class LevelsStep(_Step):
    """An update's levels beside a root whose norm has the level ``root``."""

    do: Literal["levels"] = "levels"
    root: Annotated[int, Field(ge=1, le=len(NORMS))]

    def name(self, hospital: str) -> str:
        """Return the verification's name: the hospital's."""
        return hospital


class LossStep(_Step):
    """The loss of a model of weighted updates; ``weights`` by name, those above 0, sorted."""

    do: Literal["loss"] = "loss"
    rule: Direction
    weights: Annotated[tuple[tuple[MspId, Weight], ...], Field(min_length=3, max_length=MAX_MEMBERS)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        names, weights = zip(*self.weights, strict=True)
        if list(names) != sorted({*names}) or min(weights) < 1 or sum(weights) > 1 << WEIGHT_BITS:
            raise ValueError("the weights are not those of a model, each above 0, by sorted names")
        return self

    def name(self, hospital: str) -> str:
        """Return the verification's name, which the weights are bound to."""
        return f"model {sha256(canonical.encode([list(pair) for pair in self.weights])).hexdigest()[:32]}"


class ChoiceStep(_Step):
    """A question on the gains of models of weighted updates.

    Attributes
    ----------
    models
        Names of their losses' verifications, in order.
    share
        Thousandths of the best gain; 0 where it is asked whether there is one.
    """

    do: Literal["gain", "last"]
    models: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(min_length=1, max_length=14)]
    share: Annotated[int, Field(ge=0, le=1000)] = 0

    def name(self, hospital: str) -> str:
        """Return the verification's name, which the question is bound to."""
        return f"choice {sha256(canonical.encode([self.do, list(self.models), self.share])).hexdigest()[:32]}"


DirectionStep: TypeAlias = Annotated[RootStep | LevelsStep | LossStep | ChoiceStep, Field(discriminator="do")]


def deal_step(
    step: RootStep | LevelsStep | LossStep | ChoiceStep,
    dealer: Dealer,
    layout: Sequence[TensorSpec],
    name: MaterialId,
    mask_seeds_of: MaskSeedsOf,
    batches: Sequence[tuple[int, slice]],
) -> Iterator[Dealing]:
    """Deal a step of the verification called ``name``, in the order in which the parties need it.

    Raises
    ------
    MaterialError
        The mask of an update is gone.
    ProtocolError
        A weighted sum would hide an update among too few others.
    """
    size = sum(spec.size for spec in layout)

    def mask(hospital: str) -> dict[str, IntArray]:
        of = replace(name, hospital=hospital)
        return tensors(update_mask(mask_seeds_of(of), of, size), layout)

    match step:
        case RootStep():
            yield from dealer.model()
            own = mask(ROOT)
            yield dealer.once(STEP_GATE, lambda gate: deal_norm_level(gate, Tree(), layout, own))
            yield from dealer.decision(0)
        case LevelsStep(root=level):
            yield from dealer.model()
            levels, own, root = UpdateLevels(tuple(layout), level), mask(name.hospital), mask(ROOT)
            yield dealer.once(STEP_GATE, lambda gate: levels.deal(gate, Tree(), own, root))
            yield from dealer.decision(0)
        case LossStep(weights=weights):

            def part(index: int) -> IntArray:
                def of(hospital: str) -> IntArray:
                    update = replace(name, hospital=hospital)
                    return mask_share(index, mask_seeds_of(update)[index], update, size)

                return weighted_sum(layout, dict(weights), of)

            yield from dealer.layers(MaskShares(part(0), part(1)))
            yield from dealer.batches(batches)
        case ChoiceStep(do=do, models=models):
            deal = deal_any_gains if do == "gain" else deal_last_with
            yield dealer.once(STEP_GATE, lambda gate: deal(gate, Tree(), len(models)))
