# SPDX-License-Identifier: Apache-2.0
"""The verification set's file and commitment."""

from hashlib import sha256

import numpy as np
import pytest
from safetensors.numpy import save_file

from medquorum.core.dataset import SALT_BYTES, VerificationSet
from medquorum.errors import DataError


def make(shape=(6, 4, 3), classes=3, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    return VerificationSet(
        images, rng.integers(0, classes, shape[0], dtype=np.uint8), classes, bytes(range(SALT_BYTES))
    )


@pytest.mark.parametrize("shape", [(6, 4, 3), (2, 4, 4, 3), (1, 1, 1)])
def test_write_and_read(tmp_path, shape):
    written = make(shape)
    path = tmp_path / "verification.safetensors"
    written.write(path)
    written.write(path)
    again = VerificationSet.read(path)
    np.testing.assert_array_equal(again.images, written.images)
    np.testing.assert_array_equal(again.labels, written.labels)
    assert (again.classes, again.salt) == (written.classes, written.salt)
    again.check(written.commitment())
    assert path.stat().st_mode & 0o077 == 0
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_commitment_is_as_written_down():
    data = make()
    numbers = b"".join(number.to_bytes(8, "big") for number in (3, 3, 6, 4, 3))
    raw = b"medquorum verification set v1" + data.salt + numbers + data.images.tobytes() + data.labels.tobytes()
    assert data.commitment() == sha256(raw).hexdigest()


def test_commitment_binds_everything():
    data = make()
    other_images, other_labels = data.images.copy(), data.labels.copy()
    other_images[3, 2, 1] ^= 1
    other_labels[0] = (other_labels[0] + 1) % 3
    others = [
        VerificationSet(other_images, data.labels, 3, data.salt),
        VerificationSet(data.images, other_labels, 3, data.salt),
        VerificationSet(data.images, data.labels, 4, data.salt),
        VerificationSet(data.images, data.labels, 3, VerificationSet.new_salt()),
        VerificationSet(data.images.reshape(6, 3, 4), data.labels, 3, data.salt),
        VerificationSet(data.images[..., np.newaxis], data.labels, 3, data.salt),
    ]
    commitments = {item.commitment() for item in others}
    assert len(commitments) == len(others)
    assert data.commitment() not in commitments
    for item in others:
        with pytest.raises(DataError, match="the task names"):
            item.check(data.commitment())


def test_views_have_their_values_commitment():
    data = make()
    view = VerificationSet(data.images[::2], data.labels[::2], 3, data.salt)
    copy = VerificationSet(data.images[::2].copy(), data.labels[::2].copy(), 3, data.salt)
    assert view.commitment() == copy.commitment()


@pytest.mark.parametrize(
    ("images", "labels", "classes", "salt"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros(2, np.uint8), 2, 32),
        (np.zeros((2, 3, 3), np.float32), np.zeros(2, np.uint8), 2, 32),
        (np.zeros((0, 3, 3), np.uint8), np.zeros(0, np.uint8), 2, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(3, np.uint8), 2, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros((2, 1), np.uint8), 2, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.int64), 2, 32),
        (np.zeros((2, 3, 3), np.uint8), np.full(2, 2, np.uint8), 2, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.uint8), 1, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.uint8), 257, 32),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.uint8), 2, 31),
    ],
)
def test_wrong_sets_are_refused(images, labels, classes, salt):
    with pytest.raises(DataError) as refused:
        VerificationSet(images, labels, classes, bytes(salt))
    assert refused.value.remedy


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "header", "other", "salt"])
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "set"
    make().write(path)
    raw = path.read_bytes()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(raw[:-5])
        case "text":
            path.write_bytes(b"images" * 100)
        case "header":
            path.write_bytes(raw.replace(b'"U8"', b'"F9"', 1))
        case "other":
            save_file({"images": np.zeros((1, 2, 2), np.uint8)}, path)
        case "salt":
            tensors = {"images": np.zeros((1, 2, 2), np.uint8), "labels": np.zeros(1, np.uint8)}
            save_file(tensors | {"salt": np.zeros(32, np.int32), "classes": np.array([2], np.int32)}, path)
    with pytest.raises(DataError):
        VerificationSet.read(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        VerificationSet.read(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be written"):
        make().write(tmp_path / "absent" / "set")


def typed(dtype=np.int16, labels=(0, 1), classes=2, seed=5):
    images = np.random.default_rng(seed).integers(-99, 99, (2, 1, 1, 3)).astype(dtype)
    return VerificationSet(images, np.array(labels, dtype=np.uint8), classes, bytes(range(SALT_BYTES)))


def test_commitment_to_other_inputs_is_as_written_down():
    for data in (typed(np.int32), typed(np.int16, [[0, 1], [1, 1]])):
        numbers = (data.images.itemsize, data.labels.ndim, 2, 4, 2, 1, 1, 3)
        shapes = b"".join(number.to_bytes(8, "big") for number in numbers)
        raw = b"medquorum verification set v2" + data.salt + shapes + data.images.tobytes() + data.labels.tobytes()
        assert data.commitment() == sha256(raw).hexdigest()


def test_other_inputs_and_several_labels_are_written_and_read(tmp_path):
    for data in (typed(np.int32), typed(np.int16), typed(np.int16, [[0, 1], [1, 1]])):
        data.write(tmp_path / "v.safetensors")
        again = VerificationSet.read(tmp_path / "v.safetensors")
        assert again.commitment() == data.commitment()
        assert again.images.dtype == data.images.dtype
        assert again.labels.shape == data.labels.shape


@pytest.mark.parametrize(
    ("dtype", "labels", "classes"),
    [
        (np.float32, (0, 1), 2),
        (np.int64, (0, 1), 2),
        (np.int16, [[0, 1, 1], [0, 1, 1]], 2),
        (np.int16, [[0, 2], [0, 1]], 2),
        (np.int16, np.zeros((2, 129)), 129),
    ],
)
def test_other_types_and_labels_beyond_one_are_refused(dtype, labels, classes):
    with pytest.raises(DataError):
        typed(dtype, labels, classes)
