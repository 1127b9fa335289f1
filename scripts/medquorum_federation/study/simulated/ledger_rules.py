# SPDX-License-Identifier: Apache-2.0
"""The rules that run on the ledger, with the ledger's own integers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from medquorum.clients.admin.tasks import usual_rule, usual_tolerance
from medquorum.core import model as modelformat
from medquorum.core.aggregate import aggregate
from medquorum.core.combination import Combination
from medquorum.core.inference import AccuracyCounts, Program, compile_model, compile_scaled, count_correct
from medquorum.core.rules import (
    WEIGHT_BITS,
    Candidate,
    Direction,
    LossJudge,
    Reason,
    RootUpdate,
    Verdict,
    Weights,
    counting_rule,
    direction_candidate,
    judge,
    judge_direction,
    margin_loss,
    parse_rule,
    screen,
)

from .view import Outcome, View

__all__ = [
    "LEDGER_RULES",
    "by_counts",
    "by_direction",
    "direction_rule",
    "direction_verdicts",
    "margin",
    "weighed",
]

LEDGER_RULES: dict[str, dict[str, object]] = {
    "none": {"name": "none"},
    "strict": {"name": "strict"},
    "prefix": {"name": "prefix", "slack": 5},
}


def by_counts(view: View) -> Outcome:
    """Decide by a rule that counts correct images."""
    rule = counting_rule(LEDGER_RULES[view.cell.rule])
    counts = {} if "mixed" not in rule.subjects else {name: _correct(view, p, view.base) for name, p in _sound(view)}
    candidates = [Candidate(name, problem, mixed=counts.get(name)) for name, problem in _screened(view).items()]
    verdicts = judge(
        rule,
        _correct(view, view.base),
        candidates,
        aggregate_counts=lambda names: _correct(view, _mixed(view, names)),
    )
    accepted = [verdict.name for verdict in verdicts if verdict.accepted]
    share = {name: 1 / len(accepted) if name in accepted else 0.0 for name in view.updates}
    refused = frozenset(view.updates) - frozenset(accepted)
    return Outcome(_kept(view, _mixed(view, accepted)) if accepted else view.base, share, refused)


def direction_rule(view: View) -> Direction:
    """Return the rule ``direction`` with the cell's constants, its root trained as the hospitals train."""
    cell = view.cell
    fields: dict[str, Any] = {"epochs": cell.epochs, "batch": cell.batch} | dict(cell.constants)
    rule = parse_rule(usual_rule({"name": "direction"} | fields, encrypted=False))
    if not isinstance(rule, Direction):
        raise TypeError(f"{rule.name} is not direction")
    return rule


def direction_verdicts(view: View) -> list[Verdict]:
    """Judge by the rule ``direction``; the verdicts' weights are the ledger's integers."""
    rule = direction_rule(view)
    description = view.federation.description
    base = modelformat.unpack(description, view.base)
    root = RootUpdate(description, base, modelformat.unpack(description, view.root))
    candidates = []
    for name, problem in _screened(view).items():
        update = modelformat.unpack(description, view.updates[name])
        candidates.append(direction_candidate(rule, root, name, update, problem))

    def loss(weights: Weights) -> int:
        program = compile_scaled(description, _combined(view, dict(weights)).scaled, WEIGHT_BITS) if weights else None
        return margin(view, compile_model(description, base) if program is None else program)

    full = (1 << WEIGHT_BITS) - int(view.cell.mix * (1 << WEIGHT_BITS))
    return list(judge_direction(rule, candidates, full=full, judge=LossJudge(loss)))


def by_direction(view: View) -> Outcome:
    """Decide by the rule ``direction``."""
    verdicts = direction_verdicts(view)
    weights = {verdict.name: verdict.weight or 0 for verdict in verdicts}
    share = {name: weight / (sum(weights.values()) or 1) for name, weight in weights.items()}
    return Outcome(weighed(view, weights), share, _refused(verdicts))


def weighed(view: View, weights: Mapping[str, int]) -> bytes:
    """Return the model of weighted updates, or the base where all weights are 0."""
    if not any(weights.values()):
        return view.base
    return modelformat.pack(view.federation.description, _combined(view, weights).rounded())


def _combined(view: View, weights: Mapping[str, int]) -> Combination:
    description = view.federation.description
    combination = Combination(description, modelformat.unpack(description, view.base), weights)
    for name in combination.names:
        combination.add(name, modelformat.unpack(description, view.updates[name]))
    return combination


def margin(view: View, program: Program) -> int:
    """Return a program's margin loss on the verification set."""
    images = view.federation.verification
    return margin_loss(direction_rule(view), program, np.moveaxis(images.pixels, 1, 3), images.labels)


def _refused(verdicts: Collection[Verdict]) -> frozenset[str]:
    return frozenset(verdict.name for verdict in verdicts if not verdict.accepted)


def _screened(view: View) -> dict[str, Reason | None]:
    reasons: dict[str, Reason | None] = {}
    digests: list[str] = []
    for name, packed in view.updates.items():
        _, reasons[name], digest = screen(view.federation.description, packed, digests)
        digests.append(digest)
    return reasons


def _sound(view: View) -> list[tuple[str, bytes]]:
    return [(name, view.updates[name]) for name, problem in _screened(view).items() if problem is None]


def _correct(view: View, packed: bytes, base: bytes | None = None) -> AccuracyCounts:
    """Count a model's correct images, or those of p where the base is given."""
    description, images = view.federation.description, view.federation.verification
    own = modelformat.unpack(description, packed)
    if base is None:
        program = compile_model(description, own)
    else:
        program = compile_model(description, modelformat.unpack(description, base), own, **_lambda(view))
    return count_correct(program, np.moveaxis(images.pixels, 1, 3), images.labels)


def _kept(view: View, mixed: bytes) -> bytes:
    """Return the new model, or the base where the ledger would call the new one worse."""
    tolerance = usual_tolerance(LEDGER_RULES[view.cell.rule])
    before, after = _correct(view, view.base), _correct(view, mixed)
    return view.base if 1000 * (before.correct - after.correct) > tolerance * before.total else mixed


def _mixed(view: View, names: Collection[str]) -> bytes:
    description = view.federation.description
    tensors = (modelformat.unpack(description, view.updates[name]) for name in sorted(names))
    mixed = aggregate(description, modelformat.unpack(description, view.base), tensors, **_lambda(view))
    return modelformat.pack(description, mixed)


def _lambda(view: View) -> dict[str, int]:
    mix = view.cell.mix
    return {"lambda_numerator": mix.numerator, "lambda_bits": mix.denominator.bit_length() - 1}
