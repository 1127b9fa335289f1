# SPDX-License-Identifier: Apache-2.0
"""What a party sees of levels and choice does not depend on what is hidden: simulator coupling, byte for byte."""

import numpy as np
import pytest

from medquorum.core.model import layout, parse
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.choice import any_gains, deal_any_gains, deal_last_with, last_with
from medquorum.verifier.direction.update_levels import UpdateLevels
from medquorum.verifier.randomness.material import MaskShares
from medquorum_testing.encrypted.coupling import couple_gates
from medquorum_testing.encrypted.hidden_updates import Hidden, flat, hide
from medquorum_testing.inference.tiny_models import TINY, random_tensors


def behind(values, hidden, honest):
    """Hide other values behind the same R: the honest party's part of the mask takes up the difference."""
    parts = list(hidden.masks)
    parts[honest] = hidden.public - values - parts[1 - honest]
    return Hidden(MaskShares(*parts), hidden.public)


@pytest.mark.parametrize("honest", [0, 1])
def test_levels_of_other_updates_look_the_same(monkeypatch, honest):
    """Also with a root of its maker's choice: nothing but shares of the levels comes of an inner product."""
    rng = np.random.default_rng(8)
    description = parse(TINY["dense"])
    base, *others = (
        {name: values.astype(np.int64) for name, values in random_tensors(description, rng, scale=0.4).items()}
        for _ in range(4)
    )
    root, first, second = (flat(description, each) for each in others)
    hidden_root, hidden = hide(root, rng), hide(first, rng)
    gate = UpdateLevels(layout(description), 90)

    def gates(update):
        masks = [each.mask_by_name(description) for each in (update, hidden_root)]

        def play(party, randomness):
            views = [each.by_name(party.index, description, base) for each in (update, hidden_root)]
            fails, levels = gate.evaluate(party, randomness, Tree(), *views)
            return np.concatenate([fails, levels.numbers])

        return lambda dealer: gate.deal(dealer, Tree(), *masks), play

    one, two, found = couple_gates(monkeypatch, honest, gates(hidden), gates(behind(second, hidden, honest)))
    assert len(one.view) > 10
    assert one.view == two.view
    assert (found[0] + found[1])[2] % (1 << 32) != 0


@pytest.mark.parametrize("honest", [0, 1])
def test_a_choice_among_other_gains_looks_the_same(monkeypatch, honest):
    rng = np.random.default_rng(9)
    shares = rng.integers(-(1 << 63), 1 << 63, 5)

    def gates(gains):
        parts = [shares, shares]
        parts[honest] = np.array(gains) - shares

        def deal(dealer):
            deal_any_gains(dealer, Tree(), 5)
            deal_last_with(dealer, Tree(), 5)

        def play(party, randomness):
            own = parts[party.index]
            gained = any_gains(party, randomness, Tree(), own)
            place = last_with(party, randomness, Tree(), own, 500)
            return np.concatenate([gained.numbers, place.numbers])

        return deal, play

    one, two, found = couple_gates(monkeypatch, honest, gates([1, 2, 3, -4, 5]), gates([-9, 1 << 40, 7, 0, -(1 << 50)]))
    assert one.view == two.view
    opened = found[0] + found[1]
    assert (opened[0] % 2, opened[1]) == (1, 1)
