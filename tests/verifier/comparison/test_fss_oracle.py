# SPDX-License-Identifier: Apache-2.0
"""The generator and the comparison keys against a second implementation, with another library's AES."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum.verifier.comparison import dcf
from medquorum.verifier.comparison.prg import FixedKey
from medquorum_testing.encrypted.fss_oracle import Oracle
from medquorum_testing.encrypted.kernel_paths import COMPILED, use
from medquorum_testing.vectors import load_vector

BLOCKS = st.integers(0, (1 << 128) - 1)
CONTEXTS = st.binary(max_size=40)


@pytest.fixture(params=[PURE, *COMPILED], scope="module", autouse=True)
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use(patch, request.param)
        yield


def words(numbers: list[int]) -> np.ndarray:
    """Return 128-bit numbers as (2, n): low words, then high words."""
    return np.array([[n & (1 << 64) - 1 for n in numbers], [n >> 64 for n in numbers]], dtype=np.uint64)


def whole(array: np.ndarray) -> list[int]:
    """Return (2, n) as numbers."""
    return [int(low) | int(high) << 64 for low, high in array.T]


@settings(max_examples=50)
@given(CONTEXTS, st.lists(BLOCKS, min_size=1, max_size=5), st.integers(0, (1 << 64) - 1))
def test_the_generator(context: bytes, blocks: list[int], tweak: int) -> None:
    oracle = Oracle(context)
    hashed = FixedKey(context)(words(blocks), np.uint64(tweak))
    assert whole(hashed) == [oracle.hash(block, tweak) for block in blocks]


@settings(max_examples=50)
@given(CONTEXTS, st.tuples(BLOCKS, BLOCKS), st.integers(1, 63), st.data())
def test_keys_and_shares(context: bytes, roots: tuple[int, int], bits: int, data: st.DataObject) -> None:
    inside = st.integers(0, (1 << bits) - 1)
    alpha, values = data.draw(inside), data.draw(st.lists(inside, min_size=1, max_size=5))
    key, oracle = FixedKey(context), Oracle(context)
    made = dcf.generate(key, (words([roots[0]]), words([roots[1]])), np.array([alpha], dtype=np.int64), bits)
    public = oracle.generate(roots, alpha, bits)
    assert whole(made[:, :, 0].T) == public
    wide, points = np.repeat(made, len(values), axis=2), np.array(values, dtype=np.int64)
    for party in (0, 1):
        shares = dcf.evaluate(key, party, words([roots[party]] * len(values)), wide, points, bits)
        assert shares.tolist() == [oracle.evaluate(party, roots[party], public, value, bits) for value in values]


@pytest.mark.parametrize("vector", load_vector("dcf"), ids=lambda vector: vector["name"])
def test_the_vectors(vector: dict) -> None:
    oracle, bits = Oracle(bytes.fromhex(vector["context"])), vector["bits"]
    first, second = (low | high << 64 for low, high in vector["roots"])
    flat = vector["public"]
    public = [low | high << 64 for low, high in zip(flat[::2], flat[1::2], strict=True)]
    shares = [
        [oracle.evaluate(party, root, public, value, bits) for value in vector["values"]]
        for party, root in enumerate((first, second))
    ]
    assert shares == vector["shares"]
    assert (oracle.generate((first, second), vector["alpha"], bits) == public) is vector["valid"]
