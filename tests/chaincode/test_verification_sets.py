# SPDX-License-Identifier: Apache-2.0
"""A mounted verification set is the one in the file, whatever its order."""

import numpy as np
import pytest

from medquorum.chaincode.verification_sets import MountedSet, VerificationSets
from medquorum.core.dataset import SALT_BYTES, VerificationSet
from medquorum.errors import ContractError


def made(labels, classes):
    images = np.random.default_rng(1).integers(0, 256, (len(labels), 4, 3), dtype=np.uint8)
    return VerificationSet(images, np.array(labels, dtype=np.uint8), classes, bytes(range(SALT_BYTES)))


def test_found_by_its_commitment_in_the_order_of_its_labels(tmp_path):
    written = made([2, 0, 1, 0, 2], 3)
    written.write(tmp_path / "a.safetensors")
    sets = VerificationSets(tmp_path)
    mounted = sets.get(written.commitment(), 5)
    assert mounted.labels.tolist() == [0, 0, 1, 2, 2]
    np.testing.assert_array_equal(mounted.images.images, written.images[[1, 3, 2, 0, 4]])
    assert sets.get(written.commitment(), 5) is mounted
    with pytest.raises(ContractError, match="has 5 images, the task says 6"):
        sets.get(written.commitment(), 6)


def test_several_labels_keep_their_order():
    written = made([[1, 0], [0, 0], [1, 1]], 2)
    mounted = MountedSet.of(written)
    np.testing.assert_array_equal(mounted.labels, written.labels)
    np.testing.assert_array_equal(mounted.images.images, written.images)
