# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from medquorum.verifier.arithmetic.convolution import Convolution
from medquorum.verifier.arithmetic.geometry import Geometry


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [((5, 7), 3, 1, 1), ((7, 7), 3, 2, 1), ((1, 1), 3, 1, 1), ((2, 2), 3, 1, 1), ((9, 8), 5, 2, 2), ((6, 6), 1, 2, 0)],
)
def test_convolution_equals_a_padded_loop(size, kernel, stride, padding):
    rng = np.random.default_rng(5)
    weights = rng.integers(-(1 << 63), 1 << 63, (3, 2, kernel, kernel))
    values = rng.integers(-(1 << 63), 1 << 63, (2, *size, 2))
    geometry = Geometry(size, (kernel, kernel), (stride, stride), (padding, padding))
    live = weights[(slice(None), slice(None), *geometry.live)]
    found = Convolution(live, geometry)(values)
    wide = np.pad(values, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    for y in range(geometry.output[0]):
        for x in range(geometry.output[1]):
            window = wide[:, y * stride : y * stride + kernel, x * stride : x * stride + kernel]
            exact = np.tensordot(window, weights, axes=((1, 2, 3), (2, 3, 1)))
            assert (found[:, y, x] == exact).all()


def test_only_the_centre_tap_of_a_single_place_is_live():
    rows, columns = Geometry((1, 1), (3, 3), (1, 1), (1, 1)).live
    assert (rows, columns) == (slice(1, 2), slice(1, 2))
