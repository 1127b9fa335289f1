# SPDX-License-Identifier: Apache-2.0
"""Masked updates for tests of the rule ``direction`` under encryption: what each role holds of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import ModelDescription, layout
from medquorum.core.rules.documents import Direction
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.combination import weighted_sum
from medquorum.verifier.gates.verdict.products import moved
from medquorum.verifier.model.parameters import tensors
from medquorum.verifier.model.planning import make_candidate_plan
from medquorum.verifier.offline.cost_model import in_batches
from medquorum.verifier.offline.dealer import Dealer
from medquorum.verifier.opening.party import Party
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.randomness.channel import Channel
from medquorum.verifier.randomness.material import MaskShares
from medquorum.verifier.randomness.supply import Supply
from medquorum.verifier.randomness.wires import Masked
from medquorum.verifier.session.evaluation import Evaluation, Samples
from medquorum_testing.encrypted.two_parties import NAME, SEEDS


@dataclass
class Hidden:
    """An update r as R = r + u."""

    masks: MaskShares
    public: IntArray
    """R."""

    def masked(self, party: int) -> Masked:
        """Return what a party holds."""
        return Masked(self.public, self.masks[party])

    def by_name(self, party: int, description: ModelDescription, base: dict[str, IntArray]) -> dict[str, Masked]:
        """Return a party's masked form of r - w, by tensor."""
        parts = [tensors(part, layout(description)) for part in (self.public, self.masks[party])]
        return moved(base, {name: Masked(parts[0][name], parts[1][name]) for name in parts[0]})

    def mask_by_name(self, description: ModelDescription) -> dict[str, IntArray]:
        """Return the dealer's mask, by tensor."""
        return tensors(self.masks.total, layout(description))


def flat(description: ModelDescription, update: dict[str, IntArray]) -> IntArray:
    """Return an update in layout order."""
    return np.concatenate([update[spec.name].astype(np.int64).reshape(-1) for spec in layout(description)])


def hide(values: IntArray, rng: np.random.Generator) -> Hidden:
    """Hide an update (parameters,) under a fresh mask."""
    masks = MaskShares(*rng.integers(-(1 << 63), 1 << 63, (2, values.size)))
    return Hidden(masks, values + masks.total)


def candidate_loss(
    description: ModelDescription,
    rule: Direction,
    base: dict[str, IntArray],
    updates: dict[str, Hidden],
    weights: dict[str, int],
    samples: Samples,
) -> tuple[IntArray, IntArray]:
    """Return both parties' shares (1,) of the loss of the model with these weights."""
    plan = make_candidate_plan(description, rule, sum(weights.values()), grayscale=description.input[0] == 1)
    transports, channels = in_process(), (Channel(), Channel())
    batches = list(enumerate(in_batches(samples[1].shape[0], 3)))

    def combined(part: int) -> IntArray:
        return weighted_sum(plan.layout, weights, lambda name: updates[name].masks[part])

    def deal() -> None:
        dealer = Dealer(SEEDS, NAME, plan, Tree())
        for gates in (dealer.layers(MaskShares(combined(0), combined(1))), dealer.batches(batches)):
            for gate, messages in gates:
                for channel, message in zip(channels, messages, strict=True):
                    channel.send(gate, message)

    def play(index: int) -> IntArray:
        supply = Supply(index, SEEDS[index], channels[index].receive)
        side = Evaluation(Party(index, transports[index]), supply, NAME, plan, Tree())
        public = weighted_sum(plan.layout, weights, lambda name: updates[name].public)
        side.layers(base, Masked(public, combined(index)))
        losses: list[IntArray] = []
        side.batches(batches, samples if index == 0 else None, lambda _, found: losses.extend(found))
        return np.sum(losses, axis=0)

    with ThreadPoolExecutor(3) as pool:
        dealing = pool.submit(deal)
        first, second = (pool.submit(play, index) for index in (0, 1))
    dealing.result()
    return first.result(), second.result()
