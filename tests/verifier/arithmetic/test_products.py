# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.verifier.arithmetic.convolution import Convolution
from medquorum.verifier.arithmetic.geometry import Geometry
from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum_testing.encrypted.kernel_paths import COMPILED, use

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


@pytest.mark.parametrize("level", COMPILED)
@given(SIZES, st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(8, 70), st.integers(1, 3))
def test_gathered_products_equal_torchs(level, size, kernel, stride, inputs, outputs, images):
    kernel = min(kernel, *size)
    geometry = Geometry(size, (kernel, kernel), (stride, stride), (kernel // 2, kernel // 2))
    rng = np.random.default_rng(outputs)
    rows, columns = geometry.live
    shape = (outputs, inputs, rows.stop - rows.start, columns.stop - columns.start)
    weights = rng.integers(-(1 << 63), 1 << 63, shape)
    values = rng.integers(-(1 << 63), 1 << 63, (images, *size, inputs))
    found = []
    for path in (level, PURE):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, path)
            found.append(Convolution(weights, geometry, 52)(values))
    assert ((found[0] ^ found[1]) & ((1 << 52) - 1) == 0).all()


@pytest.mark.parametrize("level", COMPILED)
def test_more_than_52_bits_are_exact(level, monkeypatch):
    use(monkeypatch, level)
    weights = np.full((8, 1, 1, 1), 1 << 31, dtype=np.int64)
    values = np.full((1, 1, 1, 1), (1 << 31) + 1, dtype=np.int64)
    assert (Convolution(weights, Geometry((1, 1), (1, 1)), 64)(values) == (1 << 62) + (1 << 31)).all()
