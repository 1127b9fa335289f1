# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.verifier.comparison import dcf
from medquorum.verifier.comparison.prg import FixedKey
from medquorum_testing.vectors import FOLDER

VECTORS = json.loads((FOLDER / "dcf.json").read_text())


def roots(count, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(0, 1 << 64, (2, count), dtype=np.uint64) for _ in range(2))


def evaluated(key, own, public, values, bits):
    return sum(dcf.evaluate(key, party, own[party], public, values, bits) for party in (0, 1)) % 2


@pytest.mark.parametrize("bits", [1, 2, 5, 7, 8, 9, 10])
def test_exact_on_the_whole_domain(bits):
    key = FixedKey(b"test")
    domain = np.arange(1 << bits, dtype=np.int64)
    points = domain if bits < 9 else domain[:: 1 << (bits - 7)] + np.arange(128) % (1 << (bits - 7))
    alpha, values = (part.reshape(-1) for part in np.meshgrid(points, domain, indexing="ij"))
    own = roots(alpha.shape[0])
    public = dcf.generate(key, own, alpha, bits)
    assert (evaluated(key, own, public, values, bits) == (values < alpha)).all()


@settings(max_examples=50)
@given(st.integers(8, 63), st.data())
def test_exact_near_the_point(bits, data):
    point = data.draw(st.integers(0, (1 << bits) - 1))
    others = data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=5))
    flips = [point ^ (1 << bit) for bit in range(bits)]
    near = [max(0, point - 1), min((1 << bits) - 1, point + 1), 0, (1 << bits) - 1]
    values = np.array([point, *others, *flips, *near], dtype=np.int64)
    own = roots(values.shape[0], point % 1000)
    key = FixedKey(b"test")
    public = dcf.generate(key, own, np.full_like(values, point), bits)
    assert public.shape[0] == bits - 6
    assert (evaluated(key, own, public, values, bits) == (values < point)).all()


def test_one_share_alone_looks_random():
    count = 20_000
    own = roots(count)
    alpha = np.full(count, 1000, dtype=np.int64)
    public = dcf.generate(FixedKey(b"test"), own, alpha, 16)
    for party in (0, 1):
        ones = dcf.evaluate(FixedKey(b"test"), party, own[party], public, alpha - 1, 16).sum()
        assert abs(int(ones) - count / 2) < 6 * (count / 4) ** 0.5


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector):
    bits = vector["bits"]
    own = tuple(np.array(root, dtype=np.uint64).reshape(2, 1) for root in vector["roots"])
    public = np.array(vector["public"], dtype=np.uint64).reshape(-1, 2, 1)
    values = np.array(vector["values"], dtype=np.int64)
    key = FixedKey(bytes.fromhex(vector["context"]))
    count = values.shape[0]
    wide = tuple(np.repeat(root, count, axis=1) for root in own)
    shares = [
        dcf.evaluate(key, party, wide[party], np.repeat(public, count, axis=2), values, bits).tolist()
        for party in (0, 1)
    ]
    assert shares == vector["shares"]
    right = [
        (first + second) % 2 == (value < vector["alpha"]) for first, second, value in zip(*shares, values, strict=True)
    ]
    assert all(right) is vector["valid"]
    if vector["valid"]:
        made = dcf.generate(key, own, np.array([vector["alpha"]], dtype=np.int64), bits)
        assert (made == public).all()
