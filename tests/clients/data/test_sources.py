# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.data.idx import read_idx, read_mnist
from medquorum.clients.data.sources import load
from medquorum.errors import DataError


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    for part, count in (("train", 12), ("t10k", 5)):
        images = np.arange(count * 16, dtype=np.uint8).reshape(count, 4, 4)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx((np.arange(count) % 10).astype(np.uint8)))
    return tmp_path


def test_idx_files_plain_or_gzipped(mnist: Path) -> None:
    images, labels = read_mnist(mnist, "train")
    assert images.shape == (12, 4, 4)
    assert images[1, 0, 0] == 16
    assert labels.tolist() == [*range(10), 0, 1]
    source = load("mnist", mnist)
    assert len(source.train) == 12
    assert len(source.held_out) == 5


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0",
        b"\0\0\x08\x01\0\0\0\x05abc",
        b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "x").write_bytes(damaged)
    with pytest.raises(DataError):
        read_idx(tmp_path / "x")


def test_a_cut_off_gzip_file_is_refused(mnist: Path) -> None:
    path = mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        load("mnist", mnist)


def test_missing_idx_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data-dir"):
        load("mnist")
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load("mnist", tmp_path)


def test_images_without_their_labels_are_refused(mnist: Path) -> None:
    (mnist / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match="train has images"):
        load("mnist", mnist)


def test_digits_are_grayscale_bytes_split_by_the_seed() -> None:
    source, again, other = load("digits", seed=1), load("digits", seed=1), load("digits", seed=2)
    assert source.train.pixels.shape[1:] == (1, 8, 8)
    assert source.train.pixels.max() == 255
    assert len(source.train) + len(source.held_out) == 1797
    assert source.classes == 10
    assert np.array_equal(source.train.labels, again.train.labels)
    assert not np.array_equal(source.train.labels, other.train.labels)


def test_an_npz_file_with_parts_holds_out_val_and_test(tmp_path: Path) -> None:
    parts = {"train": 6, "val": 2, "test": 3}
    arrays = {f"{part}_images": np.full((count, 4, 4, 3), 100, np.uint8) for part, count in parts.items()}
    arrays |= {f"{part}_labels": np.arange(count)[:, None] % 2 for part, count in parts.items()}
    np.savez(tmp_path / "bloodmnist.npz", **arrays)
    for name, folder in ((str(tmp_path / "bloodmnist.npz"), None), ("bloodmnist", tmp_path)):
        source = load(name, folder)
        assert (len(source.train), len(source.held_out)) == (6, 5)


def test_an_npz_file_without_parts_is_shuffled_and_split(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(5), 20)
    np.savez(tmp_path / "mednist.npz", images=np.full((100, 4, 4), 100, np.uint8), labels=labels)
    source = load(str(tmp_path / "mednist.npz"))
    assert (len(source.train), len(source.held_out)) == (70, 30)
    assert sorted([*source.train.labels, *source.held_out.labels]) == labels.tolist()
    assert len(set(source.held_out.labels.tolist())) > 1


def test_an_unknown_name_lists_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="nosuchset is no data set"):
        load("nosuchset")
    monkeypatch.setitem(sys.modules, "medmnist", None)
    with pytest.raises(DataError, match="medmnist package is not installed"):
        load("pneumoniamnist")


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=np.full((20, 8, 8), 100, np.uint8), labels=np.ones(20, int))
    with pytest.raises(DataError, match="to train on have the label 1"):
        load(str(path))
