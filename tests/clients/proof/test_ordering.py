# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from medquorum.clients.proof.blocks.ordering import bft_quorum


@pytest.mark.parametrize(
    ("nodes", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7), (13, 9)]
)
def test_the_quorum_is_fabrics(nodes: int, quorum: int) -> None:
    """ComputeBFTQuorum: the ceiling of (n + f + 1) / 2 with f = (n - 1) / 3 rounded down."""
    assert bft_quorum(nodes) == quorum
