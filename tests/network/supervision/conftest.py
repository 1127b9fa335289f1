# SPDX-License-Identifier: Apache-2.0
"""A folder whose processes all end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.control import bring_down
from medquorum.network.supervision.processes import marked


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[NetworkFolder]:
    found = NetworkFolder(tmp_path)
    yield found
    bring_down(found)
    assert marked(found) == []
