# SPDX-License-Identifier: Apache-2.0
"""The papers' main experiments, and ours, as grids of cells: option values that differ from the defaults."""

from __future__ import annotations

import itertools
from typing import Any

__all__ = ["GRIDS", "Cell"]

Cell = dict[str, Any]
"""Fields of ``Options``; ``reference`` marks a cell that is simulated whatever the network (``Simulation``)."""

STATIC: Cell = {"attack": "static-label", "rule": "strict"}
RESNET: Cell = {"model": "resnet18", "batch": 64, "epochs": 2, "attack": "label-flip", "flip": (1, 0)}
"""[SMV]'s training; its attackers are the same hospitals in every round and rename one class."""
DEFENCES: dict[str, Cell] = {
    "undefended": {"undefended": True},
    "strict": {"rule": "strict"},
    "prefix": {"rule": "prefix"},
}
ALPHAS = (1.0, 0.3, 0.1)


def _vu() -> dict[str, Cell]:
    """[VU] Fig. 3 and 4: static-label adversaries that change each round, defended and not."""
    cells: dict[str, Cell] = {"none": {"adversaries": 0, **STATIC}}
    for share, undefended in itertools.product((1, 3, 5, 8), (False, True)):
        name = f"{'undefended' if undefended else 'strict'}-{share}0"
        cells[name] = {"adversaries": share, "undefended": undefended, **STATIC}
    return cells


def _vu_unlike() -> dict[str, Cell]:
    """[VU]'s experiment with hospitals whose data are unlike each other."""
    return _unlike_cells({"attack": "static-label"}, {"none": 0, "30": 3})


def _smv() -> dict[str, Cell]:
    """[SMV] Fig. 7 to 10: each hospital alone, all together, with 10 % and 50 % label flippers; its rule too."""
    fixed: Cell = RESNET | {"adversary_set": "fixed"}
    cells: dict[str, Cell] = {
        "single-site": fixed | {"adversaries": 0, "reference": "single-site"},
        "federated": fixed | {"adversaries": 0, "undefended": True},
    }
    for share in (1, 5):
        setting = fixed | {"adversaries": share}
        cells[f"flip-{share}0-undefended"] = setting | {"undefended": True}
        cells[f"flip-{share}0-floor"] = setting | {"rule": "floor"}
        cells[f"flip-{share}0-threshold"] = setting | {"rule": "threshold"}
    return cells


def _smv_unlike() -> dict[str, Cell]:
    """[SMV]'s experiment with hospitals whose data are unlike each other."""
    return _unlike_cells(RESNET | {"adversary_set": "fixed"}, {"none": 0, "10": 1, "50": 5})


def _unlike_cells(setting: Cell, attackers: dict[str, int]) -> dict[str, Cell]:
    return {
        f"a{alpha:g}-{name}-{defence}": setting | {"dirichlet": alpha, "adversaries": count} | chosen
        for alpha, (name, count), (defence, chosen) in itertools.product(ALPHAS, attackers.items(), DEFENCES.items())
    }


def _attacks() -> dict[str, Cell]:
    """Hold slack and the per-class floor against data poisoning."""
    chosen = itertools.product(("static-label", "label-flip", "random-labels"), ("slack", "floor"))
    return {f"{attack}-{rule}": {"adversaries": 3, "attack": attack, "rule": rule} for attack, rule in chosen}


def _unlike() -> dict[str, Cell]:
    """Hospitals whose data are unlike each other: prefix and strict rule, beside averaging over the honest only."""
    attacks = {"none": (0, "static-label"), "flip-30": (3, "label-flip"), "static-50": (5, "static-label")}
    cells: dict[str, Cell] = {}
    for alpha, (name, (adversaries, attack)) in itertools.product((0.3, 0.1), attacks.items()):
        setting: Cell = {"dirichlet": alpha, "adversaries": adversaries, "attack": attack, "rounds": 16}
        setting |= {"verification_images": 2000}
        cells[f"a{alpha}-{name}-prefix"] = setting | {"rule": "prefix"}
        cells[f"a{alpha}-{name}-strict"] = setting | {"rule": "strict"}
        cells[f"a{alpha}-{name}-honest"] = setting | {"rule": "none", "reference": "honest-only"}
    return cells


GRIDS = {
    "vu": _vu,
    "vu-unlike": _vu_unlike,
    "smv": _smv,
    "smv-unlike": _smv_unlike,
    "attacks": _attacks,
    "unlike": _unlike,
}
