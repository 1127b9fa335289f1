# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.errors import ProtocolError
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.bitplanes import planes, spread
from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum.verifier.comparison.borrow_chain import chain
from medquorum.verifier.comparison.fss import Fss
from medquorum.verifier.comparison.tree import Tree
from medquorum.verifier.gates.rescale import Form, Rescale
from medquorum_testing.encrypted.kernel_paths import COMPILED, use
from medquorum_testing.encrypted.two_parties import together

SEEDS = st.integers(0, 2**32 - 1)


def words(seed, count):
    return np.random.default_rng(seed).integers(-(1 << 63), 1 << 63, count)


def both(level, compute):
    """Return what the compiled and the pure path compute."""
    found = []
    for path in (level, PURE):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, path)
            found.append(compute())
    return found


@pytest.mark.parametrize("level", COMPILED)
@given(SEEDS, st.integers(0, 200), st.integers(1, 64))
def test_planes_and_bytes(level, seed, count, bits):
    values = words(seed, count)

    def compute():
        raw = ring.pack(values, bits)
        return planes(values, bits), np.frombuffer(raw, dtype=np.uint8), ring.unpack(raw, (count,), bits)

    for compiled, pure in zip(*both(level, compute), strict=True):
        assert compiled.shape == pure.shape
        assert (compiled == pure).all()
    plane = planes(values, 1)[0]
    found, wanted = both(level, lambda: spread(plane, count))
    assert (found == wanted).all()


@pytest.mark.parametrize("level", COMPILED)
@given(SEEDS, st.integers(0, 200), st.integers(1, 64))
def test_what_is_opened_is_packed_in_one_pass(level, seed, count, bits):
    """As packing the sum, also where arrays have gaps and the other's message begins anywhere."""
    share, mask, other = words(seed, 2 * count)[::2], words(seed + 1, count), words(seed + 2, count)

    def compute():
        sent = memoryview(b"\0" + ring.pack(other, bits))[1:]
        return np.frombuffer(ring.pack_sum(share, mask, bits), dtype=np.uint8), ring.unpack_sum(sent, share, mask, bits)

    for compiled, pure in zip(*both(level, compute), strict=True):
        assert compiled.shape == pure.shape
        assert (compiled == pure).all()


@pytest.mark.parametrize("level", COMPILED)
@given(SEEDS, st.integers(1, 7), st.lists(st.integers(1, 20), min_size=1, max_size=2))
def test_a_borrow_chain(level, seed, count, rest):
    """Of as many inputs as the kernel takes, and of one more."""
    rng = np.random.default_rng(seed)
    sizes = count, count - 1, 1 << (count - 1), (1 << count) - 1
    inputs = [rng.integers(0, 1 << 63, (size, *rest), dtype=np.uint64) for size in sizes]
    compiled, pure = both(level, lambda: chain(*inputs))
    assert compiled.shape == pure.shape == tuple(rest)
    assert (compiled == pure).all()


@pytest.mark.parametrize("path", [*COMPILED, PURE])
def test_an_opening_of_another_length_is_refused(monkeypatch, path):
    use(monkeypatch, path)
    with pytest.raises(ProtocolError, match="5 bytes came where 6"):
        ring.unpack_sum(b"12345", words(0, 1), words(1, 1), 48)


@pytest.mark.parametrize("level", COMPILED)
@pytest.mark.parametrize("back_end", [Tree, lambda: Fss(b"test")])
@settings(max_examples=25)
@given(SEEDS, st.integers(1, 700), st.sampled_from(list(Form)), st.sampled_from([0, 1, 17]))
def test_a_gates_shares_are_the_pure_ones(level, back_end, seed, count, form, shift):
    """The same streams and messages: every byte that is dealt and every share is equal, not only their sum."""
    width = 64 - shift if form is Form.BOUNDED else 32
    gate = Rescale(shift, width, 64 if form is Form.BOUNDED else 49, form)
    values, own = words(seed, count) >> 20, words(seed + 1, count)
    shares = own, values - own

    def compute():
        return together(
            lambda dealer: gate.deal(dealer, back_end(), (count,), None),
            lambda party, randomness: gate.evaluate(party, randomness, back_end(), shares[party.index]),
        )

    compiled, pure = both(level, compute)
    for first, second in zip(compiled, pure, strict=True):
        assert (ring.reduce(first, gate.ring) == ring.reduce(second, gate.ring)).all()
