# SPDX-License-Identifier: Apache-2.0
"""No patient has images in two parts."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.clients.data.groups import cut
from medquorum.clients.data.images import Images
from medquorum.clients.data.patients import read_patients
from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.errors import DataError

COUNT = 240


def images(groups: Any, count: int = COUNT) -> dict[str, Any]:
    pixels = np.full((count, 4, 4), 100, np.uint8)
    pixels[:, 0, 0] = np.arange(count) % 256
    return {"images": pixels, "labels": np.arange(count) % 3, "groups": groups}


def patients_of(parts: list[Images]) -> list[set[Any]]:
    found = []
    for part in parts:
        assert part.groups is not None
        found.append(set(part.groups.tolist()))
    return found


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("limit", [None, 100])
def test_each_patient_is_in_one_part(alpha: float | None, limit: int | None, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **images(np.array([f"patient {number // 6}" for number in range(COUNT)])))
    source = load(str(path), seed=3)
    dealt = deal(source, 4, seed=3, alpha=alpha, limit=limit)
    found = patients_of([*dealt.shards, dealt.verification, dealt.test])
    assert all(found)
    assert all(not one & other for one, other in combinations(found, 2))
    held_out = len(dealt.verification) + len(dealt.test)
    assert abs(held_out - COUNT * 3 // 10) <= 6
    assert abs(len(dealt.verification) - held_out // 2) <= 6


@given(
    groups=st.lists(st.integers(0, 6), min_size=2, max_size=40).filter(lambda given: len(set(given)) > 1),
    share=st.floats(0, 1),
    seed=st.integers(0, 3),
)
def test_a_cut_loses_no_image_and_divides_no_patient(groups: list[int], share: float, seed: int) -> None:
    count = len(groups)
    whole = Images.from_arrays(np.full((count, 2, 2), 90, np.uint8), np.zeros(count, int), np.array(groups))
    first, second = cut(whole, np.random.default_rng(seed).permutation(count), int(share * count))
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(count))
    one, other = patients_of([whole.take(first), whole.take(second)])
    assert not one & other


def test_parts_of_a_file_may_not_share_a_patient(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    arrays = {f"train_{name}": value for name, value in images(np.arange(COUNT)[:, None]).items()}
    arrays |= {f"test_{name}": value for name, value in images(np.arange(COUNT - 1, 2 * COUNT - 1)).items()}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=f"images of patient {COUNT - 1} both to train on and held out"):
        load(str(path))
    del arrays["test_groups"]
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="groups for some of its parts"):
        load(str(path))


@pytest.mark.parametrize(
    ("groups", "cause"),
    [
        (np.zeros(COUNT, int), "one patient cannot be divided"),
        (np.zeros(COUNT), "whole numbers or texts"),
        (np.zeros(COUNT - 1, int), "need as many groups"),
    ],
)
def test_groups_that_cannot_divide_are_refused(groups: Any, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **images(groups))
    with pytest.raises(DataError, match=cause):
        load(str(path))


def test_too_few_patients_for_the_hospitals_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **images(np.arange(COUNT) % 4))
    with pytest.raises(DataError, match="patients cannot be dealt to 10 hospitals"):
        deal(load(str(path)), 10)


def test_patients_may_stand_in_a_csv_file(tmp_path: Path) -> None:
    given = images(np.zeros(0))
    np.savez(tmp_path / "set.npz", images=given["images"], labels=given["labels"])
    rows = [f'{number},"Müller, {number // 6}"' for number in range(COUNT)]
    (tmp_path / "set.csv").write_text("\n".join(["scan,name", *rows]), encoding="utf-8-sig")
    source = load(str(tmp_path / "set.npz"), seed=3, patients=read_patients(tmp_path / "set.csv", "name"))
    trained, held_out = patients_of([source.train, source.held_out])
    assert not trained & held_out
    assert trained | held_out == {f"Müller, {number}" for number in range(COUNT // 6)}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"scan,name\n1,a\n", "no column 'patient', only scan, name"),
        (b"", "no column"),
        (b"patient\na\n\xff\n", "cannot be read as CSV"),
        (b'patient\n"a\n', "cannot be read as CSV"),
        (b"scan,patient\n1,a\n2\n", "row 2 has no patient"),
    ],
)
def test_a_file_that_names_no_patients_is_refused(content: bytes, cause: str, tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_bytes(content)
    with pytest.raises(DataError, match=cause):
        read_patients(tmp_path / "set.csv", "patient")


def test_a_file_of_patients_may_be_too_large(tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text("patient\na\nb\n")
    with pytest.raises(DataError, match="holds 12 bytes, at most 11 are read"):
        read_patients(tmp_path / "set.csv", "patient", 11)
    assert read_patients(tmp_path / "set.csv", "patient", 12).tolist() == ["a", "b"]


def test_patients_of_other_images_are_refused(tmp_path: Path) -> None:
    given = images(np.arange(COUNT))
    np.savez(tmp_path / "own.npz", **given)
    del given["groups"]
    np.savez(tmp_path / "one.npz", **given)
    np.savez(
        tmp_path / "two.npz", **{f"{part}_{name}": array for part in ("train", "test") for name, array in given.items()}
    )
    for name, count, cause in (("one", 7, "groups"), ("two", COUNT, "parts"), ("own", COUNT, "of its own")):
        with pytest.raises(DataError, match=cause):
            load(str(tmp_path / f"{name}.npz"), patients=np.arange(count))
