# SPDX-License-Identifier: Apache-2.0
import numpy as np

from medquorum.verifier.randomness.sharing import expand, reconstruct, share
from medquorum.verifier.randomness.stream import SEED_BYTES, Stream, new_seed

VALUES = np.array([0, 1, -1, (1 << 63) - 1, -(1 << 63)], dtype=np.int64)


def test_a_seed_and_a_full_share_give_the_values_back():
    shares = share(VALUES, b"label")
    assert len(shares.seed) == SEED_BYTES
    assert (reconstruct(shares.full, expand(shares.seed, b"label", 5)) == VALUES).all()


def test_labels_and_seeds_separate_streams():
    seed = new_seed()
    one = Stream(seed, b"a").words(100)
    assert (Stream(seed, b"a").words(100) == one).all()
    assert not np.isin(Stream(seed, b"b").words(100), one).any()
    assert not np.isin(Stream(new_seed(), b"a").words(100), one).any()


def test_a_stream_does_not_depend_on_how_it_is_cut():
    whole = Stream(bytes(32), b"").words(400_000)
    parts = Stream(bytes(32), b"")
    assert (np.concatenate([parts.words(2), parts.words(399_998)]) == whole).all()


def test_shares_do_not_print_their_secrets():
    shares = share(VALUES, b"label")
    assert repr(shares) == "Shares(<5 elements>)"


def test_a_full_share_is_uniform():
    ones = sum(np.unpackbits(share(np.zeros(4096, dtype=np.int64), b"").full.view(np.uint8)).sum() for _ in range(4))
    bits = 4 * 4096 * 64
    assert abs(ones - bits / 2) < 6 * (bits / 4) ** 0.5
