# SPDX-License-Identifier: Apache-2.0
"""What each hospital sends in a round: the honest first, then those who may know the honest updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from medquorum.clients.attacks import roots
from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.occasion import Occasion
from medquorum.clients.attacks.omniscient.knowledge import Floats, Knowledge
from medquorum.clients.data.images import Images
from medquorum.clients.training.parameters import flatten, pack_flat

from ...schedule import adversary_schedule
from ..cell import UNATTACKED, Cell
from .defences import decide
from .federation import UNIT, Federation, Raw
from .view import View

__all__ = ["Hospitals", "attacking", "root_images"]


def attacking(cell: Cell) -> frozenset[str]:
    """Return the names of a cell's attackers, the same in all rounds."""
    numbers = adversary_schedule(cell.hospitals, cell.attackers, 1, cell.seed, changing=False)[1]
    return frozenset(f"Hospital{number}MSP" for number in numbers)


def root_images(cell: Cell, federation: Federation) -> Images:
    """Return what the root update is trained on: the verification set, or what went wrong with it."""
    images, random = federation.verification, np.random.default_rng([cell.seed, 7])
    classes = federation.description.classes
    changed: dict[str, Callable[[], Images]] = {
        "clean": lambda: images,
        "mislabelled": lambda: roots.mislabelled(images, 0.2, classes, random),
        "shifted": lambda: roots.shifted(images),
        "poisoned": lambda: roots.poisoned(images, 0.2, 0, random),
        "one-missing": lambda: roots.without_class(images, classes - 1),
    }
    return changed[cell.root]()


@dataclass(eq=False)
class Hospitals:
    """The hospitals of a cell over its rounds.

    Attributes
    ----------
    first
        Each hospital's first update, for the attack ``replay``.
    before
        The base of the round before.
    """

    cell: Cell
    federation: Federation
    first: dict[str, Raw] = field(default_factory=dict)
    before: Raw | None = None

    def view(self, number: int, base: bytes, sums: Mapping[str, Floats], last: Floats) -> View:
        """Return the round with all updates made."""
        poisoned = attacking(self.cell)
        names = sorted(self.federation.shards)
        pack = self.federation.description
        sent: dict[str, Raw] = {}
        for name in names:
            if name not in poisoned and self.cell.rule != "root-alone":
                seed = self.federation.seed(number, name)
                sent[name] = self.federation.trained(base, self.federation.shards[name], seed)
        seed = self.federation.root_seed(number, base)
        root = self.federation.trained(base, root_images(self.cell, self.federation), seed)
        packed = {name: pack_flat(pack, raw) for name, raw in sent.items()}
        view = View(self.cell, self.federation, number, base, packed, poisoned, pack_flat(pack, root), sums, last)
        if self.cell.rule in UNATTACKED or not poisoned:
            return view
        known = lru_cache(maxsize=1)(lambda: self._known(view))
        for name in sorted(poisoned):
            sent[name] = self._attack(view, name, sent, known)
            self.first.setdefault(name, sent[name])
        self.before = flatten(base)
        return replace(view, updates={name: pack_flat(pack, sent[name]) for name in names})

    def _attack(self, view: View, name: str, sent: Mapping[str, Raw], known: Callable[[], Knowledge]) -> Raw:
        """Return what an attacker sends; the first one leads, colluders and copiers follow it or an honest one."""
        attack = self.cell.attack
        leader = min(view.poisoned)
        followed = min(set(view.updates)) if attack == "copy" else leader
        if attack is None or (attack == "collusion" and name == leader):
            attack = "pairwise-flip"
        images, before = self.federation.shards[name], self.before
        seed = self.federation.seed(view.number, name)
        occasion = Occasion(
            round=view.number,
            base=flatten(view.base),
            images=images,
            classes=self.federation.description.classes,
            random=np.random.default_rng(seed),
            train=lambda chosen: self.federation.trained(view.base, chosen, seed),
            earlier=lambda: self.first.get(name),
            accomplices=lambda: sent.get(followed),
            before=lambda: before,
            known=known,
        )
        made = Adversary(attack)(occasion)
        if made is None:
            raise ValueError(f"{attack} had nothing to send")
        return made

    def _known(self, view: View) -> Knowledge:
        """Return what an omniscient attacker knows; steps are in raw units, as updates are."""

        def aggregate(steps: Floats) -> Floats:
            names = [name for name in view.updates] + sorted(view.poisoned)
            tried = dict(zip(names, (view.moved(step / UNIT) for step in steps), strict=True))
            return view.step(decide(replace(view, updates=dict(sorted(tried.items())))).model) * UNIT

        return Knowledge(
            honest=view.steps * UNIT,
            attackers=self.cell.attackers,
            root=view.root_step * UNIT,
            share=float(1 - self.cell.mix),
            gradient=lambda step, images: self.federation.gradient(view.base, step, images),
            aggregate=aggregate,
        )
