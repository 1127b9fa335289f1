# SPDX-License-Identifier: Apache-2.0
"""RANGE, the norm bound, correctness and the verdict's bit under encryption, against their plain definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.core.fixedpoint import wrap
from medquorum.core.inference import compile_model, correct, count_correct
from medquorum.core.model import Kind, TensorSpec, catalogue
from medquorum.errors import ConfigError
from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum.verifier.arithmetic.subsets import coin_count, quotients, subset_sums
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.verdict.correctness import Correctness
from medquorum.verifier.gates.verdict.decision import deal_decision, decide
from medquorum.verifier.gates.verdict.parameter_range import deal_outside, deal_part, evaluate_part, outside, parts
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.randomness.stream import Stream
from medquorum.verifier.session.local import Inputs, verify
from medquorum_testing.encrypted.engine_models import case
from medquorum_testing.encrypted.kernel_paths import COMPILED, use
from medquorum_testing.encrypted.two_parties import split, together

LAYOUT = tuple(TensorSpec(kind.value, (7,), kind) for kind in Kind)


def spoiled(kind):
    """Values at and around a kind's bounds, and far ones that wrap."""
    near = [kind.lowest, kind.highest, kind.lowest - 1, kind.highest + 1]
    return np.array([*near, 1 << 62, -(1 << 63), (1 << 63) - 1], dtype=np.int64)


def fails(values, masks, layout):
    """Run RANGE on parameters hidden by masks; return the fails it counts."""
    found = list(parts(layout))

    def deal(dealer):
        total = sum(deal_part(dealer, Tree(), part.of(masks), part) for part in found)
        deal_outside(dealer, Tree(), total)

    def play(party, randomness):
        total = sum(evaluate_part(party, randomness, Tree(), part.of(values + masks), part) for part in found)
        return outside(party, randomness, Tree(), total)

    first, second = together(deal, play)
    return int(first[0] + second[0]) % (1 << 32)


@pytest.mark.slow
@pytest.mark.parametrize("path", [*COMPILED, PURE])
def test_range_finds_every_value_outside_its_bound(monkeypatch, path):
    """Alone among good ones; and nothing where all are good, whatever hides them."""
    use(monkeypatch, path)
    rng = np.random.default_rng(0)
    for kind in Kind:
        good = [kind.lowest, kind.highest, kind.lowest + 1, kind.highest - 1, kind.highest // 2]
        layout = [TensorSpec("other", (3,), Kind.MEAN), TensorSpec("tensor", (70,), kind)]
        filled = np.concatenate([np.array([0, 1, -1]), rng.choice(good, 70)])
        for masks in (rng.integers(-(1 << 63), 1 << 63, 73), -filled, kind.lowest - filled, -1 - filled):
            assert fails(filled, masks, layout) == 0
        for wrong in spoiled(kind)[2:]:
            values = filled.copy()
            values[rng.integers(3, 73)] = wrong
            for masks in (rng.integers(-(1 << 63), 1 << 63, 73), -values, kind.lowest - values):
                assert fails(values, masks, layout) > 0


@given(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=4), st.integers(1, 90), st.data())
@settings(max_examples=15)
def test_range_is_its_plain_definition(kinds, size, data):
    """Also for several wrong values, equal, opposite and far ones: no sum of them hides them."""
    layout = [TensorSpec(str(place), (size,), kind) for place, kind in enumerate(kinds)]
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    values = np.concatenate([rng.integers(kind.lowest, kind.highest + 1, size) for kind in kinds])
    wrong = data.draw(st.lists(st.sampled_from([1 << 27, -(1 << 27), 1 << 63, 1 << 44, -1 << 44, 1 << 62]), max_size=6))
    places = rng.permutation(values.shape[0])[: len(wrong)]
    values[places] += np.array([number % (1 << 64) for number in wrong[: places.size]], dtype=np.uint64).view(np.int64)
    low, high = (np.repeat([getattr(kind, end) for kind in kinds], size) for end in ("lowest", "highest"))
    masks = rng.integers(-(1 << 63), 1 << 63, values.shape)
    assert (fails(values, masks, layout) > 0) == bool(((values < low) | (values > high)).any())


def test_parts_hold_every_parameter_once():
    """In parts of one bound, of tensors that are cut or come together."""
    layout = [*LAYOUT, TensorSpec("large", (300_000,), Kind.WEIGHT), *LAYOUT]
    whole = np.arange(sum(spec.size for spec in layout))
    kinds = np.concatenate([np.full(spec.size, spec.kind.highest) for spec in layout])
    found = list(parts(layout))
    assert len(found) == 5
    assert (np.sort(np.concatenate([part.of(whole) for part in found])) == whole).all()
    for part in found:
        assert (part.of(kinds) == part.lowest + part.allowed - 1).all()
        assert part.of(whole).size <= 1 << 17


@pytest.mark.parametrize("path", [*COMPILED, PURE])
@given(st.integers(0, 300), st.integers(0, 2), st.integers(0, 1 << 30))
def test_subsets_are_summed_as_they_are_defined(path, count, drawn, seed):
    """Four values have 32 bytes of coins, wherever the stream stands."""
    values = np.random.default_rng(seed).integers(-(1 << 63), 1 << 63, count)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, path)
        stream, same = (Stream(bytes(32), b"coins") for _ in range(2))
        stream.words(drawn)
        coins = same.words(drawn + coin_count(count))[drawn:].tobytes()
        found = stream.subset_sums(values)
        assert (found == subset_sums(values, np.frombuffer(coins, dtype=np.int64))).all()
        following = stream.words(1), same.words(1)
    assert following[0] == following[1]
    wanted = [
        sum(int(v) for i, v in enumerate(values) if coins[i // 4 * 32 + j % 32] >> (j // 32 * 4 + i % 4) & 1)
        for j in range(64)
    ]
    assert [int(number) % (1 << 64) for number in found] == [number % (1 << 64) for number in wanted]


@pytest.mark.parametrize("level", COMPILED)
@given(st.integers(0, 40), st.integers(1, 40), st.booleans(), st.integers(0, 1 << 30))
def test_quotients_are_numpys(level, count, bits, first, seed):
    rng = np.random.default_rng(seed)
    shares, opened = rng.integers(-(1 << 63), 1 << 63, (2, count))
    borrows = rng.integers(0, 2, count)
    found = []
    for path in (level, PURE):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, path)
            found.append(quotients(shares.copy(), borrows, opened if first else None, bits))
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("tensor", ["fc1.weight", "fc2.bias"])
@pytest.mark.parametrize("value", [1 << 19, -(1 << 19), 1 << 40, -(1 << 63), (1 << 62) + 5])
def test_one_parameter_out_of_range_is_refused(tensor, value):
    """Also where the huge value would wrap, and where no image depends on it."""
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 3)
    found.update[tensor].reshape(-1)[1] = value
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True)
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 3, np.array([0]))
    assert [outcome.accepted for outcome in verify(plan, inputs, Tree)] == [False, False]


@pytest.mark.parametrize("difference", [-1, 0, 1])
def test_norm_bound_is_exact(difference):
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 3)
    change = np.zeros(found.flat().shape[0], dtype=np.int64)
    change[:2] = 3 * 65536, 4 * 65536 + difference
    start = 0
    for name, values in found.update.items():
        found.base[name] = values - change[start : start + values.size].reshape(values.shape)
        start += values.size
    plan = make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True, norm=5000)
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 3, np.array([0]))
    assert [outcome.accepted for outcome in verify(plan, inputs, Tree)] == [difference <= 0] * 2


def test_a_norm_bound_beyond_the_ring_is_refused():
    found = case(catalogue.describe("mlp", (1, 4, 4), 2), 1)
    with pytest.raises(ConfigError, match="norm bound is too large"):
        make_plan(found.description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=True, norm=10**9)


@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
@pytest.mark.parametrize("per_class", [False, True])
@settings(max_examples=15)
@given(st.integers(2, 12), st.integers(0, 1 << 30))
def test_correctness_with_ties_and_wraps(back_end, per_class, classes, seed):
    rng = np.random.default_rng(seed)
    pools = [rng.integers(-2, 2, (40, classes)), rng.choice([-(1 << 31), (1 << 31) - 1, 0, 1 << 30], (40, classes))]
    logits = np.concatenate([*pools, rng.integers(-(1 << 31), 1 << 31, (40, classes))]).astype(np.int64)
    labels = rng.integers(0, classes, logits.shape[0])
    shares = split(wrap(logits, 32), seed)
    gate = Correctness(classes, 32, per_class)
    first, second = together(
        lambda dealer: gate.deal(dealer, back_end(), logits.shape[0]),
        lambda party, randomness: gate.evaluate(
            party, randomness, back_end(), shares[party.index], None if party.index else labels
        ),
    )
    right = correct(logits, labels, 32)
    expected = np.bincount(labels[right], minlength=classes) if per_class else np.array([right.sum()])
    assert ((first + second) % (1 << 32) == expected).all()


@pytest.mark.parametrize(
    ("counts", "needed", "fails", "accepted"),
    [
        ([5], [5], 0, True),
        ([5], [6], 0, False),
        ([5, 2], [0, 3], 0, False),
        ([5, 3], [0, 3], 0, True),
        ([5], [0], 1, False),
        ([5], [0], 12_000_000, False),
        ([], [], 0, True),
        ([], [], 2, False),
        ([0], [-9], 0, True),
    ],
)
def test_the_bit_is_the_and_of_all_conditions(counts, needed, fails, accepted):
    shares = split(np.array(counts, dtype=np.int64))
    failed = split(np.array([fails], dtype=np.int64))
    minima = np.array(needed, dtype=np.int64)
    first, second = together(
        lambda dealer: deal_decision(dealer, Tree(), len(counts)),
        lambda party, randomness: decide(
            party, randomness, Tree(), shares[party.index], None if party.index else minima, failed[party.index]
        ),
    )
    assert ((first.numbers ^ second.numbers) & 1).tolist() == [accepted]
    assert ((first.keys + second.keys) * accepted == first.tags + second.tags).all()


def test_both_models_and_classes_in_one_verification():
    found = case(catalogue.describe("mlp", (1, 6, 6), 3), 20)
    plan = make_plan(
        found.description,
        ["mixed", "own"],
        lambda_numerator=3,
        lambda_bits=2,
        grayscale=True,
        per_class=True,
        norm=10**6,
    )
    inputs = Inputs(found.base, split(found.flat()), found.images, found.labels, 8)
    first, second = verify(plan, inputs, Tree)
    mixed = compile_model(found.description, found.base, found.update, lambda_numerator=3, lambda_bits=2)
    own = compile_model(found.description, found.update)
    expected = [count_correct(program, found.images, found.labels).per_class_correct for program in (mixed, own)]
    assert first.counts.tolist() == second.counts.tolist() == [*expected[0], *expected[1]]
    assert first.accepted
