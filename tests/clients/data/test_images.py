# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.clients.data.idx import read_idx
from medquorum.clients.data.images import Images, part_of, read_shard, write_shard
from medquorum.clients.data.npz import read_arrays
from medquorum.errors import DataError


def arrays(count: int = 6, shape: tuple[int, ...] = (4, 4), prefix: str = "") -> dict[str, np.ndarray[Any, Any]]:
    return {
        f"{prefix}images": np.arange(count * int(np.prod(shape)), dtype=np.uint8).reshape(count, *shape),
        f"{prefix}labels": (np.arange(count) % 3).reshape(-1, 1),
    }


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 5), (1, 4, 5)), ((4, 5, 3), (3, 4, 5)), ((4, 5, 1), (1, 4, 5)), ((1, 4, 5), (1, 4, 5))],
)
def test_any_usual_shape_becomes_channels_first(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    given = arrays(2, shape)
    images = Images.from_arrays(given["images"], given["labels"])
    assert images.pixels.shape == (2, *expected)
    assert images.labels.tolist() == [0, 1]


def test_colour_channels_keep_their_values() -> None:
    pixels = np.zeros((1, 2, 2, 3), np.uint8)
    pixels[0, 0, 1, 2] = 90
    assert Images.from_arrays(pixels, np.array([0])).pixels[0, 2, 0, 1] == 90


@pytest.mark.parametrize(
    ("pixels", "labels", "cause"),
    [
        (np.zeros((2, 3, 3)), np.zeros(2, int), "whole numbers"),
        (np.full((2, 3, 3), 256), np.zeros(2, int), "whole numbers"),
        (np.full((2, 3, 3), -1), np.zeros(2, int), "whole numbers"),
        (np.zeros((2, 3), np.uint8), np.zeros(2, int), "shape"),
        (np.zeros((2, 4, 4, 2), np.uint8), np.zeros(2, int), "shape"),
        (np.full((2, 3, 8, 8), 90, np.uint8), np.zeros(2, int), "shape"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(3, int), "labels"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2), "whole numbers"),
        (np.zeros((2, 3, 3), np.uint8), np.full((2, 14), 2), "neither 0 nor 1"),
        (np.zeros((2, 3, 3), np.uint8), np.array([0, -1]), "between"),
        (np.zeros((2, 3, 3), np.uint8), np.array([0, 2**64 - 1], np.uint64), f"label {2**64 - 1} is no class"),
        (np.zeros((2, 3, 3), np.uint8), np.array(["a", "b"]), "whole numbers"),
        (np.zeros((0, 3, 3), np.uint8), np.zeros(0, int), "no image"),
    ],
)
def test_arrays_that_are_no_labelled_images_are_refused(pixels: Any, labels: Any, cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        Images.from_arrays(pixels, labels)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (3, 4, 3), (1, 3), (28, 1)])
def test_a_shard_is_read_as_it_was_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    given = arrays(20, shape)
    images = Images.from_arrays(given["images"], given["labels"])
    write_shard(tmp_path / "new" / "shard.npz", images)
    read = read_shard(tmp_path / "new" / "shard.npz")
    assert np.array_equal(read.pixels, images.pixels)
    assert np.array_equal(read.labels, images.labels)


def test_a_medmnist_file_gives_its_train_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **arrays(5, prefix="train_"), **arrays(2, prefix="test_"))
    assert len(read_shard(tmp_path / "m.npz")) == 5


def test_bad_files_are_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "shard.npz"
    with pytest.raises(DataError, match="does not exist"):
        read_shard(path)
    np.savez(path, **arrays(200, (28, 28)))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"shard.npz cannot be read"):
        read_shard(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(DataError, match="cannot be read"):
        read_shard(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"one.npy cannot be read as an npz file"):
        read_arrays(tmp_path / "one.npy")
    np.savez(path, images=np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(DataError, match="lacks labels"):
        read_shard(path)
    np.savez(path, other=np.zeros(2))
    with pytest.raises(DataError, match="neither images nor train_images"):
        read_shard(path)


def marked(path: Path, flag: int = 0, method: int = 0) -> None:
    """Write a shard whose zip entries say that they are encrypted, or packed in a way of their own."""
    np.savez(path, **arrays(20))
    raw = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := raw.find(signature, start + 1)) >= 0:
            raw[start + at] |= flag
            raw[start + at + 2] = method
    path.write_bytes(raw)


def test_the_remedy_is_for_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "shard.npz"
    marked(path, flag=1)
    with pytest.raises(DataError, match=r"shard.npz: images.npy is encrypted. Unpack it with its password"):
        read_shard(path)
    marked(path, method=99)
    with pytest.raises(DataError, match=r"not supported. .*store the arrays with numpy.savez_compressed"):
        read_shard(path)
    with pytest.raises(DataError, match=r"cannot be read: Is a directory. Give the path of an npz file"):
        read_arrays(tmp_path)
    np.savez(path, **(arrays() | {"labels": np.zeros(2, int)}))
    with pytest.raises(DataError, match=r"need as many int64 labels.*Give each image its label"):
        part_of(read_arrays(path), "", path)
    with pytest.raises(DataError, match=r"no image: its shape is \(2, 1, 0, 8\). Give at least one"):
        Images.from_arrays(np.zeros((2, 0, 8), np.uint8), np.arange(2))


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", images=np.array([{"a": 1}], dtype=object), labels=np.zeros(1, int))
    with pytest.raises(DataError, match="cannot be read"):
        read_shard(tmp_path / "p.npz")


def npy(shape: str, dtype: str = "|u1") -> bytes:
    """Return an array's header that claims any shape, and little else."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@cache
def bombs() -> dict[str, bytes]:
    """Return files that are not what they say, by what is wrong with them."""
    made = {}
    for name, content, kind in [
        ("claims 2^50 pixels", npy(f"({1 << 25}, {1 << 25})"), zipfile.ZIP_STORED),
        ("negative shape", npy("(-1, 4)"), zipfile.ZIP_STORED),
        ("shape too large for a number", npy(f"({10**30},)"), zipfile.ZIP_STORED),
        ("no array", b"none", zipfile.ZIP_STORED),
        ("nested header", npy("(" * 2000 + ")" * 2000), zipfile.ZIP_STORED),
        ("packed bomb", npy(f"({1 << 27},)") + bytes(1 << 27), zipfile.ZIP_DEFLATED),
    ]:
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", kind) as archive:
            archive.writestr("images.npy", content)
        made[name] = raw.getvalue()
    good = io.BytesIO()
    np.savez_compressed(good, **arrays(20, (8, 8)))
    whole = good.getvalue()
    central = whole.index(b"PK\x01\x02")
    for name, place, value in (("encrypted", 8, 1), ("unknown compression", 10, 77)):
        bent = bytearray(whole)
        bent[central + place] = bent[6 if place == 8 else 8] = value
        made[name] = bytes(bent)
    made["broken deflate"] = whole[:60] + bytes(20) + whole[80:]
    return made


@pytest.mark.parametrize("name", bombs())
def test_a_file_that_is_not_what_it_says_is_an_error_and_takes_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "shard.npz"
    path.write_bytes(bombs()[name])
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as raised:
            read_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert raised.value.remedy


@pytest.mark.parametrize(("claimed", "said"), [(1 << 24, "--max-bytes 16777216"), (1 << 10, "Fetch the file again")])
def test_a_packed_idx_file_is_read_as_far_as_it_may_be(claimed: int, said: str, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.gz", "wb") as file:
        file.write(b"\0\0\x08\x01" + claimed.to_bytes(4, "big") + bytes(1 << 24))
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read_idx(tmp_path / "bomb", 1 << 16)
        assert said in caught.value.remedy
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("pixels", "cause"),
    [
        (np.full((2, 4, 4), 4095, np.uint16), "uint16 from 4095 to 4095"),
        (np.full((2, 4, 4), -1000, np.int16), "int16 from -1000"),
        (np.full((2, 4, 4), 0.5, np.float32), "float32"),
        (np.array([[["a"]]]), "<U1"),
        (np.eye(4, dtype=bool)[None], "bool"),
        (np.eye(4, dtype=np.uint8)[None], "brightest pixel of all is 1 of 255"),
        (np.full((2, 4, 4), 16, np.int64), "brightest pixel of all is 16 of 255"),
    ],
)
def test_another_range_of_pixels_is_refused_and_not_told_to_wrap_around(
    pixels: Any, cause: str, tmp_path: Path
) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=pixels, labels=np.zeros(len(pixels), int))
    with pytest.raises(DataError, match=cause) as caught:
        read_shard(path)
    assert "wraps around" in caught.value.remedy


@pytest.mark.parametrize("depth", [3, 8])
def test_a_volume_is_refused_with_a_remedy(depth: int) -> None:
    with pytest.raises(DataError) as caught:
        Images.from_arrays(np.full((2, depth, 8, 8), 90, np.uint8), np.zeros(2, int))
    assert "slice" in caught.value.remedy
    assert "np.moveaxis(images, 1, 3)" in caught.value.remedy


def test_the_limit_is_an_option_and_the_error_says_so(tmp_path: Path) -> None:
    path, size = tmp_path / "set.npz", 600 * 64 + 600 * 8
    np.savez_compressed(path, images=np.full((600, 8, 8), 90, np.uint8), labels=np.arange(600) % 2)
    for most in (1, size - 1):
        with pytest.raises(DataError, match=f"holds {size} bytes, at most {most} are read") as caught:
            read_shard(path, most)
        assert f"--max-bytes {size}" in caught.value.remedy
    assert len(read_shard(path, size)) == 600
    path.write_bytes(bombs()["packed bomb"])
    assert len(read_arrays(path, 1 << 27)["images"]) == 1 << 27  # who trusts it may read it


def test_what_does_not_fit_into_the_memory_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=np.full((1 << 15, 1 << 12), 90, np.uint8), labels=np.zeros(1 << 15, int))
    look = """
import resource, sys
from pathlib import Path
from medquorum.clients.data.npz import read_arrays
from medquorum.errors import DataError
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), -1))
try:
    read_arrays(Path(sys.argv[1]), 1 << 30)
except DataError as error:
    print(error.cause)
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", look, str(path)], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "does not fit into the memory" in done.stdout


@pytest.mark.parametrize("label", [-1, 65_536])
def test_a_label_that_is_no_class_is_named(label: int) -> None:
    with pytest.raises(DataError, match=f"label {label} is no class"):
        Images.from_arrays(np.zeros((2, 4, 4), np.uint8), np.array([0, label]))
