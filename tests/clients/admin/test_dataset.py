# SPDX-License-Identifier: Apache-2.0
"""The labels of a verification set: what a rule could not judge by is refused or told."""

from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.admin.dataset import describe, open_set, verification_set, warnings
from medquorum.clients.data.balance import balanced
from medquorum.clients.data.images import Images, write_shard
from medquorum.core.inference import Program, compile_model, count_correct
from medquorum.core.model import catalogue, layout, parse
from medquorum.core.rules import Direction, margin_loss, parse_rule
from medquorum.errors import ConfigError, DataError


def images(*labels: int) -> Images:
    return Images.from_arrays(np.full((len(labels), 4, 4), 100, np.uint8), np.array(labels))


@pytest.mark.parametrize("label", [3, 256, 257, 512])
def test_a_label_above_the_classes_is_refused_and_does_not_wrap_around(label: int) -> None:
    with pytest.raises(DataError, match=f"label {label} does not belong to 3 classes"):
        verification_set(images(0, 1, label), 3)


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(DataError, match="all verification images have the label 1"):
        verification_set(images(1, 1, 1), 2)


def test_classes_without_an_image_are_told() -> None:
    found = verification_set(images(0, 2, 2), 4)
    assert describe(found)["images_of_class"] == [1, 0, 2, 0]
    assert [text.partition(":")[0] for text in warnings(found)] == ["no image of class 1, 3"]
    assert warnings(verification_set(images(0, 1), 2)) == []


def test_balancing_keeps_as_many_of_each_class() -> None:
    given = Images(np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1), np.array([0] * 47 + [1] * 3 + [3] * 10))
    found = balanced(given, np.random.default_rng(0))
    assert np.bincount(found.labels).tolist() == [3, 3, 0, 3]
    assert len(np.unique(found.pixels)) == 9
    for pixel, label in zip(found.pixels.ravel(), found.labels, strict=True):
        assert given.labels[pixel] == label


def test_uneven_classes_are_told_and_balanced_ones_not(tmp_path: Path) -> None:
    write_shard(tmp_path / "set.npz", images(*[0] * 95, *[1] * 5))
    told = warnings(open_set(tmp_path / "set.npz", 2))
    assert len(told) == 1
    assert "95 images, the smallest 5" in told[0]
    even = open_set(tmp_path / "set.npz", 2, balance=True)
    assert describe(even)["images_of_class"] == [5, 5]
    assert warnings(even) == []


def test_a_file_with_a_patient_in_two_parts_is_not_committed_to(tmp_path: Path) -> None:
    pixels, labels = np.full((4, 4, 4), 100, np.uint8), np.array([0, 1, 0, 1])
    parts = {
        f"{part}{name}": value
        for part in ("train_", "test_")
        for name, value in (("images", pixels), ("labels", labels))
    }
    np.savez(tmp_path / "set.npz", **parts, train_groups=np.arange(4), test_groups=np.arange(3, 7)[:, None])
    with pytest.raises(DataError, match=r"images of patient 3 both .* \(1 patients in all\)"):
        open_set(tmp_path / "set.npz", 2)
    np.savez(tmp_path / "set.npz", **parts, train_groups=np.arange(4), test_groups=np.arange(4, 8))
    assert describe(open_set(tmp_path / "set.npz", 2))["images"] == 4


def test_a_mounted_set_is_not_balanced(tmp_path: Path) -> None:
    verification_set(images(0, 1, 1), 2).write(tmp_path / "set.safetensors")
    with pytest.raises(ConfigError, match="committed to as it is"):
        open_set(tmp_path / "set.safetensors", 2, balance=True)


def test_saying_the_majority_is_rewarded_by_counts_of_uneven_sets_only() -> None:
    """95 : 5. Counts reward a model that always says the majority; on a balanced set, or by margin, nobody is."""
    uneven = images(*[0] * 95, *[1] * 5)
    description = parse(catalogue.describe("mlp", (1, 4, 4), 2))
    zeros = {spec.name: np.zeros(spec.shape, np.int32) for spec in layout(description)}
    majority, minority = (
        compile_model(description, zeros | {"fc2.bias": np.array(bias, np.int32) << 16}) for bias in ([2, 0], [0, 2])
    )
    even = balanced(uneven, np.random.default_rng(0))
    rule = parse_rule({"name": "direction"})
    assert isinstance(rule, Direction)

    def correct(program: Program, judged: Images) -> int:
        return count_correct(program, judged.pixels[:, 0], judged.labels).correct

    def margin(program: Program) -> int:
        return margin_loss(rule, program, uneven.pixels[:, 0], uneven.labels)

    assert (correct(majority, uneven), correct(minority, uneven)) == (95, 5)
    assert correct(majority, even) == correct(minority, even) == 5
    # Each class weighs floor(2^23 / images), so that the two differ by less than one image's part.
    assert margin(majority) == pytest.approx(margin(minority), rel=1e-5)
