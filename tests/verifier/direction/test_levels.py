# SPDX-License-Identifier: Apache-2.0
"""Levels of hidden updates are the plain rule's, at their bounds too, and nothing else is opened."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.model import Kind, TensorSpec, layout, parse
from medquorum.core.rules import RootUpdate
from medquorum.core.rules.direction.levels import norm_level
from medquorum.core.rules.direction.tables import COSINES, NORMS
from medquorum.errors import ConfigError
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.direction.norm_level import deal_norm_level, norm_bits
from medquorum.verifier.direction.statistics import check_statistics, deal_statistics, too_far
from medquorum.verifier.direction.update_levels import UpdateLevels
from medquorum.verifier.gates.verdict.products import deal_products, parts, products
from medquorum.verifier.opening.tagged import Tagged
from medquorum_testing.encrypted.hidden_updates import flat, hide
from medquorum_testing.encrypted.two_parties import together
from medquorum_testing.inference.tiny_models import TINY, random_tensors

BACK_ENDS = [Tree, lambda: Fss(b"test")]


def opened(shares):
    """Return the numbers; those with tags fit them."""
    if isinstance(shares[0], Tagged):
        keys, tags = shares[0].keys + shares[1].keys, shares[0].tags + shares[1].tags
        shares = [share.numbers for share in shares]
        assert ((shares[0] + shares[1]) * keys == tags).all()
    return [int(value) % (1 << 32) for value in shares[0] + shares[1]]


def hidden_levels(description, base, update, root, rng, back_end=Tree):
    """Return the opened number of broken bounds and the levels of norm and cosine."""
    hidden, hidden_root = (hide(flat(description, each), rng) for each in (update, root))
    specs = layout(description)
    masks = [each.mask_by_name(description) for each in (hidden, hidden_root)]
    own = together(
        lambda dealer: deal_norm_level(dealer, back_end(), specs, masks[1]),
        lambda party, randomness: norm_bits(
            party, randomness, back_end(), specs, hidden_root.by_name(party.index, description, base)
        ).sum(),
    )
    gate = UpdateLevels(specs, opened(own)[0])
    found = together(
        lambda dealer: gate.deal(dealer, back_end(), *masks),
        lambda party, randomness: gate.evaluate(
            party,
            randomness,
            back_end(),
            *(each.by_name(party.index, description, base) for each in (hidden, hidden_root)),
        ),
    )
    fails, levels = zip(*found, strict=True)
    return opened(fails)[0], tuple(opened(levels))


def towards(description, base, root, share, size, rng):
    """Return an update that goes ``share`` of the root's way, and ``size`` anywhere."""
    moved = {}
    for spec in layout(description):
        way = (root[spec.name] - base[spec.name]) * share + rng.normal(size=spec.shape) * size
        moved[spec.name] = np.clip(base[spec.name] + np.rint(way), spec.kind.lowest, spec.kind.highest).astype(np.int64)
    return moved


@given(seed=st.integers(0, 1 << 32), share=st.floats(-1, 1), size=st.floats(0, 20), far=st.floats(0, 17))
@settings(max_examples=25)
def test_levels_are_the_plain_ones(seed, share, size, far):
    rng = np.random.default_rng(seed)
    description = parse(TINY["residual"])
    base = {name: values.astype(np.int64) for name, values in random_tensors(description, rng, scale=0.5).items()}
    root = towards(description, base, base, 0, 2**far, rng)
    update = towards(description, base, root, share, 2**size, rng)
    plain = RootUpdate(description, base, root)
    fails, levels = hidden_levels(description, base, update, root, rng)
    wanted = plain.levels(update)
    assert (fails == 0) == (wanted is not None)
    if wanted is not None:
        assert levels == wanted


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("statistic", [None, Kind.MEAN, Kind.SCALE])
def test_so_they_are_with_both_back_ends_and_far_statistics(back_end, statistic):
    rng = np.random.default_rng(5)
    description = parse(TINY["residual"])
    base = {name: values.astype(np.int64) for name, values in random_tensors(description, rng, scale=0.5).items()}
    root = towards(description, base, base, 0, 900, rng)
    update = towards(description, base, root, 0.7, 300, rng)
    for spec in layout(description):
        if spec.kind is statistic:
            update[spec.name] = np.full(spec.shape, spec.kind.highest)
    fails, levels = hidden_levels(description, base, update, root, rng, back_end)
    wanted = RootUpdate(description, base, root).levels(update)
    assert (fails, wanted is None) == (int(statistic is not None), statistic is not None)
    assert wanted is None or (levels == wanted and levels[1] > 10)


@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.SCALE])
@pytest.mark.parametrize("size", [300, 8000])
@pytest.mark.parametrize("root_moves", [1, 1 << 9, 1 << 20])
def test_statistics_of_many_channels_at_the_bound(kind, size, root_moves):
    """Also where the sum of all squares leaves the ring: then a part alone is at the last level."""
    specs = [TensorSpec("s", (size,), kind)]
    rng = np.random.default_rng(size)
    for moves in (0, 1, root_moves << 4, (root_moves << 4) + (root_moves << 2), kind.highest - 1):
        updates = [np.full(size, min(move, kind.highest - 1), dtype=np.int64) for move in (moves, root_moves)]
        levels = [norm_level(sum(int(v) ** 2 for v in update)) for update in updates]
        hidden = [hide(update, rng) for update in updates]
        found = together(
            lambda dealer, hidden=hidden: deal_statistics(
                dealer, Tree(), specs, [{"s": each.masks.total} for each in hidden]
            ),
            lambda party, randomness, hidden=hidden: too_far(
                party, randomness, Tree(), specs, [{"s": each.masked(party.index)} for each in hidden]
            ),
        )
        assert opened(found) == [int(levels[0] > levels[1] + 32)]


def test_thresholds_are_those_of_the_plain_comparison():
    for root in (1, 77, 160):
        table = UpdateLevels((), root).thresholds
        assert table.shape == (len(NORMS) + 1, len(COSINES) - 1)
        assert (np.diff(table[1:], axis=1) >= 0).all()
        assert table[1:].max() <= 1 << 56 < table[0].min()


def test_products_of_parts_and_their_limits():
    rng = np.random.default_rng(0)
    specs = [TensorSpec("a", (3, 5), Kind.WEIGHT), TensorSpec("m", (9,), Kind.MEAN), TensorSpec("b", (6,), Kind.WEIGHT)]
    over = parts(specs, {Kind.WEIGHT}, 8)
    assert over == [[("a", slice(0, 8))], [("a", slice(8, 15)), ("b", slice(0, 1))], [("b", slice(1, 6))]]
    values = [rng.integers(-1000, 1000, (2, 30)) for _ in range(2)]
    hidden = [hide(each[0], rng) for each in values]

    def views(vector):
        return {"a": vector[:15].reshape(3, 5), "m": vector[15:24], "b": vector[24:]}

    def masked(each, party):
        public, mask = views(each.public), views(each.masks[party])
        return {name: replace(each.masked(party), public=public[name], mask=mask[name]) for name in public}

    found = together(
        lambda dealer: deal_products(dealer, over, *(views(each.masks.total) for each in hidden)),
        lambda party, randomness: products(party, randomness, over, *(masked(each, party.index) for each in hidden)),
    )
    own, other = (np.delete(each[0], slice(15, 24)) for each in values)
    assert (found[0] + found[1]).tolist() == [int(own[i : i + 8] @ other[i : i + 8]) for i in (0, 8, 16)]
    check_statistics([TensorSpec("m", (1 << 15,), Kind.MEAN)])
    with pytest.raises(ConfigError, match="more than 32768 channels"):
        check_statistics([TensorSpec("m", ((1 << 15) + 1,), Kind.SCALE)])
