# SPDX-License-Identifier: Apache-2.0
"""All that decides a round in the study, by name: the ledger's rules, published defences, and references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medquorum.core import model as modelformat
from medquorum.core.inference import compile_model

from ...baselines.averages import mean, median, trimmed_mean
from ...baselines.combined import Combined
from ...baselines.geometric import centred_clipping, rfa
from ...baselines.krum import bulyan, krum, multi_krum
from ...baselines.similarity import flame, foolsgold
from ...baselines.spectral import dnc
from ...baselines.trusted import fltrust, zeno
from .ledger_rules import LEDGER_RULES, by_counts, by_direction, margin
from .view import Outcome, View

__all__ = ["DEFENCES", "PUBLISHED", "REFERENCES", "decide"]

STEPS = (2.0, 1.0, 0.5, 0.25, 0.125)
"""Times 1 - λ: what the line search of ``direction`` tries."""

PUBLISHED: dict[str, Callable[[View], Combined]] = {
    "mean": lambda view: mean(view.steps),
    "krum": lambda view: krum(view.steps, view.cell.attackers),
    "multi-krum": lambda view: multi_krum(view.steps, view.cell.attackers),
    "median": lambda view: median(view.steps),
    "trimmed-mean": lambda view: trimmed_mean(view.steps, view.cell.attackers),
    "bulyan": lambda view: bulyan(view.steps, view.cell.attackers),
    "rfa": lambda view: rfa(view.steps),
    "centred-clipping": lambda view: centred_clipping(view.steps, view.last),
    "dnc": lambda view: dnc(view.steps, view.cell.attackers, view.random),
    "foolsgold": lambda view: foolsgold(view.steps, view.steps + np.stack([view.sums[name] for name in view.updates])),
    "flame": lambda view: flame(view.steps, view.random),
    "fltrust": lambda view: fltrust(view.steps, view.root_step),
    "zeno": lambda view: zeno(view.steps, view.cell.attackers, lambda step: _loss(view, step)),
}
"""They take the whole step, λ = 0, as their papers do."""


def decide(view: View) -> Outcome:
    """Decide a round by the cell's rule; updates nobody could use, beyond RANGE, are a matter of the rule."""
    return DEFENCES[view.cell.rule](view)


def _published(view: View) -> Outcome:
    combined = PUBLISHED[view.cell.rule](view)
    return Outcome(view.moved(combined.step), _by_name(view, combined))


def _by_name(view: View, combined: Combined) -> dict[str, float] | None:
    if combined.weights is None:
        return None
    return dict(zip(view.updates, combined.weights.tolist(), strict=True))


def _fltrust_with_a_search(view: View) -> Outcome:
    """FLTrust, its step the best of those that ``direction`` tries, by the same measure."""
    combined = fltrust(view.steps, view.root_step)
    models = [view.moved(float(1 - view.cell.mix) * step * combined.step) for step in STEPS]
    return Outcome(min([view.base, *models], key=lambda packed: _margin(view, packed)), _by_name(view, combined))


def _margin(view: View, packed: bytes) -> int:
    description = view.federation.description
    return margin(view, compile_model(description, modelformat.unpack(description, packed)))


def _loss(view: View, step: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    images = view.federation.verification
    logits = view.federation.logits(view.moved(step), images)
    logits -= logits.max(axis=1, keepdims=True)
    right = np.take_along_axis(logits, images.labels[:, np.newaxis], axis=1)[:, 0]
    return float((np.log(np.exp(logits).sum(axis=1)) - right).mean())


def _root_alone(view: View) -> Outcome:
    """No federation: the verifier goes on training by itself."""
    return Outcome(view.root, None)


def _root_as_hospital(view: View) -> Outcome:
    """Take the mean over all hospitals and the verifier."""
    step = np.concatenate([view.steps, view.root_step[np.newaxis]]).mean(axis=0)
    return Outcome(view.moved(step), dict.fromkeys(view.updates, 1 / len(view.updates)))


def _honest(view: View) -> Outcome:
    """Take the mean over exactly those who do not attack, at its best step: the whole one."""
    names = [name for name in view.updates if name not in view.poisoned]
    weights = {name: 1 / len(names) if name in names else 0.0 for name in view.updates}
    return Outcome(view.moved(view.only(names).steps.mean(axis=0)), weights, view.poisoned)


def _honest_half(view: View) -> Outcome:
    """Take the same at the step of λ."""
    whole = _honest(view)
    return Outcome(view.moved(float(1 - view.cell.mix) * view.step(whole.model)), whole.weights, whole.refused)


REFERENCES: dict[str, Callable[[View], Outcome]] = {
    "root-alone": _root_alone,
    "root-as-hospital": _root_as_hospital,
    "honest": _honest,
    "honest-half": _honest_half,
}
DEFENCES: dict[str, Callable[[View], Outcome]] = {
    **dict.fromkeys(LEDGER_RULES, by_counts),
    "direction": by_direction,
    **dict.fromkeys(PUBLISHED, _published),
    "fltrust-step": _fltrust_with_a_search,
    **REFERENCES,
}
