# SPDX-License-Identifier: Apache-2.0
"""Inputs that are no pixels: read from a file, held as whole numbers, or refused with a remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.clients.admin.dataset import describe, open_set, warnings
from medquorum.clients.data.balance import balanced
from medquorum.clients.data.images import Images, read_shard
from medquorum.clients.data.typed import typed_inputs
from medquorum.errors import DataError


@pytest.mark.parametrize(
    ("shape", "held"), [((3, 5), (3, 5, 1, 1)), ((3, 2, 7), (3, 2, 1, 7)), ((3, 2, 4, 4), (3, 2, 4, 4))]
)
def test_rows_signals_and_pictures_have_channels_first(shape: tuple[int, ...], held: tuple[int, ...]) -> None:
    assert typed_inputs(np.zeros(shape, np.float32)).shape == held


def test_whole_numbers_stay_and_floats_get_sixteen_fraction_bits() -> None:
    whole = typed_inputs(np.array([[-1024, 3071]], np.int64))
    assert (whole.dtype, whole.ravel().tolist()) == (np.int16, [-1024, 3071])
    fixed = typed_inputs(np.array([[0.5, -2.25]]))
    assert (fixed.dtype, fixed.ravel().tolist()) == (np.int32, [32768, -147456])


@pytest.mark.parametrize(
    ("inputs", "cause"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((1, 2, 3, 4, 5)), "shape"),
        (np.array([[1.0, np.nan]]), r"at \(0, 1\) is NaN"),
        (np.array([[np.inf]]), "NaN or infinite"),
        (np.array([[32768.0]]), "32768 or more"),
        (np.array([[1e300]]), "32768 or more"),
        (np.array([[40000]]), "beyond -32768 to 32767"),
        (np.array([["m"]]), "must be numbers"),
    ],
)
def test_what_has_no_form_is_refused(inputs: Any, cause: str) -> None:
    with pytest.raises(DataError, match=cause) as refused:
        typed_inputs(inputs)
    assert refused.value.remedy


def test_a_file_of_inputs_becomes_a_verification_set(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, inputs=np.linspace(-1, 1, 12).reshape(4, 3), labels=np.array([0, 1, 1, 0]))
    assert read_shard(path).pixels.dtype == np.int32
    made = open_set(path, 2)
    assert (made.images.shape, made.images.dtype) == ((4, 1, 1, 3), np.int32)
    told = describe(made)
    assert (told["image"], told["images_of_class"], told["type"]) == ([3, 1, 1], [2, 2], "int32")
    assert warnings(made) == []


def test_several_labels_are_counted_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, inputs=np.zeros((3, 2), np.int16), labels=np.array([[0, 1, 0], [1, 1, 0], [0, 1, 0]]))
    made = open_set(path, 3)
    assert (made.labels.shape, describe(made)["images_of_class"]) == ((3, 3), [1, 3, 0])
    assert "label 1, 2 is the same" in warnings(made)[0]
    with pytest.raises(DataError, match="3 labels each, not 2"):
        open_set(path, 2)
    with pytest.raises(DataError, match="cannot be balanced"):
        balanced(read_shard(path), np.random.default_rng())


def test_labels_that_are_unknown_are_refused() -> None:
    with pytest.raises(DataError, match="neither 0 nor 1"):
        Images.from_numbers(np.zeros((2, 2)), np.array([[0, 1], [-1, 1]]))


def test_a_file_with_nan_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, inputs=np.array([[np.nan]]), labels=np.array([0]))
    with pytest.raises(DataError, match=r"rows\.npz: the input at"):
        read_shard(path)
    np.savez(path, inputs=np.array([[1.0]]))
    with pytest.raises(DataError, match="lacks labels"):
        read_shard(path)
