# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum.verifier.comparison.dcf import evaluate, generate
from medquorum.verifier.comparison.prg import FixedKey
from medquorum_testing.encrypted.kernel_paths import COMPILED, use


@pytest.mark.slow
@pytest.mark.parametrize("level", COMPILED)
@given(st.integers(1, 64), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_keys_and_their_evaluation_are_the_pure_ones(level, bits, count, seed):
    rng = np.random.default_rng(seed)
    key = FixedKey(seed.to_bytes(4, "little"))
    roots = tuple(rng.integers(0, 1 << 64, (2, count), dtype=np.uint64) for _ in range(2))
    alpha, values = (rng.integers(0, 1 << bits, count, dtype=np.uint64) for _ in range(2))
    values[::3] = alpha[::3]
    found = []
    for path in (level, PURE):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, path)
            public = generate(key, roots, alpha.view(np.int64), bits)
            shares = [evaluate(key, party, roots[party], public, values.view(np.int64), bits) for party in (0, 1)]
            found.append((public, *shares))
    for compiled, pure in zip(*found, strict=True):
        assert (compiled == pure).all()
    assert ((found[0][1] ^ found[0][2]) == (values < alpha)).all()
