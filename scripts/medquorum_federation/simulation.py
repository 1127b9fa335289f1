# SPDX-License-Identifier: Apache-2.0
"""The same training without a network: the reference the rules are held against, and a quick look at a setting.

Data, seeds, attacks, integer evaluation, rules and aggregation are the network's own, so that the model after each
round has the same hash as the ledger's for the same task name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

import numpy as np
import torch

from medquorum.clients.admin.dataset import verification_set
from medquorum.clients.admin.tasks import usual_tolerance
from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.occasion import Behaviour, Occasion, honest
from medquorum.clients.data.images import Images
from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.clients.runtime.session import CHANNEL
from medquorum.clients.training import parameters
from medquorum.clients.training.initial import drawn_model
from medquorum.clients.training.module import DescribedModel
from medquorum.clients.training.root import root_seed, root_update
from medquorum.clients.training.train import Recipe, accuracy, seed_of, train
from medquorum.core import model as modelformat
from medquorum.core.aggregate import aggregate
from medquorum.core.combination import Combination
from medquorum.core.inference import AccuracyCounts, ImageSet, compile_model, compile_scaled, count_correct
from medquorum.core.model import catalogue
from medquorum.core.rules import (
    WEIGHT_BITS,
    Candidate,
    Direction,
    LossJudge,
    RootUpdate,
    Weights,
    counting_rule,
    direction_candidate,
    full_weight,
    judge,
    judge_direction,
    margin_loss,
    parse_rule,
    screen,
    squared_distance,
)

from .options import Options
from .schedule import adversary_schedule

__all__ = ["Simulation"]


class Simulation:
    """One training in this process.

    Parameters
    ----------
    task
        The name that seeds the training, as the network's task of that name.
    reference
        ``honest-only``: instead of a rule, accept exactly the hospitals that do not attack: federated averaging over
        the honest. ``single-site``: no federation, every hospital goes on training its own model.
    """

    def __init__(
        self,
        options: Options,
        task: str = "simulation",
        *,
        reference: Literal["honest-only", "single-site"] | None = None,
    ) -> None:
        torch.set_num_threads(1)
        self._options = options
        self._task = task
        self._reference = reference
        source = load(options.data, options.data_dir, options.seed, max_bytes=options.max_bytes)
        dealt = deal(
            source,
            options.hospitals,
            seed=options.seed,
            alpha=options.dirichlet,
            limit=options.limit,
            verification=options.verification_images,
        )
        self._shards = dict(zip(_names(options.hospitals), dealt.shards, strict=True))
        self._test = dealt.test
        self._verification = verification_set(dealt.verification, source.classes)
        self._images = ImageSet(self._verification.images)
        shape = source.train.pixels.shape
        document = catalogue.describe(options.model, (shape[1], shape[2], shape[3]), source.classes)
        self._description = modelformat.parse(document)
        self._rule = parse_rule(options.rule_document)
        self._mix = {"lambda_numerator": options.mix.numerator, "lambda_bits": options.mix.denominator.bit_length() - 1}
        self._schedule = adversary_schedule(
            options.hospitals,
            0 if options.without_adversaries else options.adversaries,
            options.rounds,
            options.seed,
            changing=options.adversary_set == "changing",
        )
        self._first: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}

    def run(self) -> dict[str, Any]:
        """Return ``accuracy`` by round (of single sites their mean), the report's counts, the last ``model_hash``."""
        base = drawn_model(self._description, self._options.seed)
        counts = dict.fromkeys(("poisoned_accepted", "poisoned_refused", "honest_accepted", "honest_refused"), 0)
        if self._reference == "single-site":
            accuracies = self._alone(base)
            return {"accuracy": accuracies, "final_accuracy": accuracies[-1]} | counts
        accuracies = [self._accuracy(base)]
        for number in range(1, self._options.rounds + 1):
            updates = {name: self._update(name, number, base) for name in sorted(self._shards)}
            poisoned = {f"Hospital{attacking}MSP" for attacking in self._schedule[number]}
            honest = self._reference == "honest-only"
            weights: dict[str, int] | None = None
            if isinstance(self._rule, Direction) and not honest:
                weights = self._weights(self._rule, number, base, updates)
                accepted = set(weights)
            else:
                accepted = set(updates) - poisoned if honest else self._accepted(base, updates)
            for name in updates:
                kind = "poisoned" if name in poisoned else "honest"
                counts[f"{kind}_{'accepted' if name in accepted else 'refused'}"] += 1
            if weights is not None:
                base = self._weighed(base, updates, weights) if any(weights.values()) else base
            elif len(accepted) >= self._options.minimum_accepted:
                base = self._kept(base, self._mixed(base, [updates[name] for name in sorted(accepted)]))
            accuracies.append(self._accuracy(base))
        return {"accuracy": accuracies, "final_accuracy": accuracies[-1], "model_hash": self._hash(base)} | counts

    def _alone(self, first: bytes) -> list[float]:
        """Train every hospital's own model; return the mean accuracy after each round's worth of epochs."""
        models = dict.fromkeys(sorted(self._shards), first)
        accuracies = [self._accuracy(first)]
        for number in range(1, self._options.rounds + 1):
            for name, model in models.items():
                trained = self._trained(
                    model, self._shards[name], seed_of(self._task, number, name, self._options.seed)
                )
                models[name] = parameters.pack_flat(self._description, trained)
            accuracies.append(fmean(self._accuracy(model) for model in models.values()))
        return accuracies

    def _update(self, name: str, round_number: int, base: bytes) -> bytes:
        seed = seed_of(self._task, round_number, name, self._options.seed)
        images = self._shards[name]
        raw = self._behaviour(name, round_number)(
            Occasion(
                round=round_number,
                base=parameters.flatten(base),
                images=images,
                classes=self._description.classes,
                random=np.random.default_rng(seed),
                train=lambda chosen: self._trained(base, chosen, seed),
                earlier=lambda: self._first.get(name),
                accomplices=lambda: None,
            )
        )
        if raw is None:
            raise ValueError(f"the attack {self._options.attack} needs a network run")
        self._first.setdefault(name, raw)
        return parameters.pack_flat(self._description, raw)

    def _behaviour(self, name: str, round_number: int) -> Behaviour:
        if int(name.removeprefix("Hospital").removesuffix("MSP")) not in self._schedule[round_number]:
            return honest
        source, target = self._options.flip if self._options.attack == "label-flip" else (1, 0)
        return Adversary(self._options.attack, source=source, target=target)

    def _trained(self, base: bytes, images: Images, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        model = DescribedModel(self._description)
        parameters.load(model, base)
        recipe = Recipe(epochs=self._options.epochs, batch=self._options.batch)
        train(model, images, recipe, seed, lambda done, total: None)
        return parameters.flatten(parameters.parameters_of(model))

    def _accepted(self, base: bytes, updates: Mapping[str, bytes]) -> set[str]:
        tensors = modelformat.unpack(self._description, base)
        candidates: list[Candidate] = []
        digests: list[str] = []
        for name, packed in updates.items():
            update, problem, digest = screen(self._description, packed, digests)
            digests.append(digest)
            judged: dict[str, Any] = {}
            if update is not None and problem is None:
                if "mixed" in self._rule.subjects:
                    judged["mixed"] = self._count_correct(packed, base)
                if "own" in self._rule.subjects:
                    judged["own"] = self._count_correct(packed)
                if self._rule.norm is not None:
                    judged["distance"] = squared_distance(self._description, tensors, update)
            candidates.append(Candidate(name, problem, **judged))
        verdicts = judge(
            counting_rule(self._options.rule_document),
            self._count_correct(base),
            candidates,
            minimum=self._options.minimum_accepted,
            aggregate_counts=lambda names: self._count_correct(self._mixed(base, [updates[name] for name in names])),
        )
        return {verdict.name for verdict in verdicts if verdict.accepted}

    def _weights(self, rule: Direction, round_number: int, base: bytes, updates: Mapping[str, bytes]) -> dict[str, int]:
        """Return the weights of the accepted updates under the rule ``direction``."""
        tensors = modelformat.unpack(self._description, base)
        seed = root_seed(CHANNEL, self._task, round_number, self._hash(base))
        packed = root_update(self._description, base, self._verification, rule, seed)
        root = RootUpdate(self._description, tensors, modelformat.unpack(self._description, packed))
        candidates: list[Candidate] = []
        digests: list[str] = []
        for name, sent in updates.items():
            update, problem, digest = screen(self._description, sent, digests)
            digests.append(digest)
            candidates.append(direction_candidate(rule, root, name, update, problem))

        def loss(weights: Weights) -> int:
            if weights:
                scaled = self._combination(base, updates, dict(weights)).scaled
                program = compile_scaled(self._description, scaled, WEIGHT_BITS)
            else:
                program = compile_model(self._description, tensors)
            return margin_loss(rule, program, self._images, self._verification.labels)

        full, minimum = full_weight(**self._mix), self._options.minimum_accepted
        verdicts = judge_direction(rule, candidates, full=full, judge=LossJudge(loss), minimum=minimum)
        return {verdict.name: verdict.weight or 0 for verdict in verdicts if verdict.accepted}

    def _combination(self, base: bytes, updates: Mapping[str, bytes], weights: Mapping[str, int]) -> Combination:
        result = Combination(self._description, modelformat.unpack(self._description, base), weights)
        for name in result.names:
            result.add(name, modelformat.unpack(self._description, updates[name]))
        return result

    def _weighed(self, base: bytes, updates: Mapping[str, bytes], weights: Mapping[str, int]) -> bytes:
        return modelformat.pack(self._description, self._combination(base, updates, weights).rounded())

    def _kept(self, base: bytes, mixed: bytes) -> bytes:
        """Return the new model, or the base where the ledger would call the new one worse."""
        tolerance = 1000 if self._reference else usual_tolerance(self._options.rule_document)
        if tolerance == 1000:
            return mixed
        before, after = self._count_correct(base), self._count_correct(mixed)
        return base if 1000 * (before.correct - after.correct) > tolerance * before.total else mixed

    def _hash(self, packed: bytes) -> str:
        layout = modelformat.layout_hash(self._description)
        return modelformat.model_hash(layout, modelformat.chunk_hashes(packed))

    def _count_correct(self, packed: bytes, base: bytes | None = None) -> AccuracyCounts:
        """Return the accuracy counts of a model, or of p when the base model is given."""
        own = modelformat.unpack(self._description, packed)
        if base is None:
            program = compile_model(self._description, own, lambda_numerator=1, lambda_bits=0)
        else:
            program = compile_model(self._description, modelformat.unpack(self._description, base), own, **self._mix)
        return count_correct(program, self._images, self._verification.labels)

    def _mixed(self, base: bytes, updates: Sequence[bytes]) -> bytes:
        tensors = (modelformat.unpack(self._description, packed) for packed in updates)
        mixed = aggregate(self._description, modelformat.unpack(self._description, base), tensors, **self._mix)
        return modelformat.pack(self._description, mixed)

    def _accuracy(self, packed: bytes) -> float:
        model = DescribedModel(self._description)
        parameters.load(model, packed)
        return accuracy(model, self._test)


def _names(hospitals: int) -> list[str]:
    return [f"Hospital{number}MSP" for number in range(1, hospitals + 1)]


def simulate(options: Options, **how: Any) -> dict[str, Any]:
    """Run a simulation of ``options``."""
    return Simulation(options, **how).run() | {"options": json.loads(options.model_dump_json())}
