# SPDX-License-Identifier: Apache-2.0
"""The labels of a verification set: what a rule could not judge by is refused or told."""

import numpy as np
import pytest

from medquorum.clients.admin.dataset import describe, verification_set, warnings
from medquorum.clients.data.images import Images
from medquorum.errors import DataError


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
