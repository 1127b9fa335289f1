# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.attacks.occasion import Behaviour
from medquorum_testing.ledger.aggregation_rig import Make, Rig
from medquorum_testing.ledger.consortium_ledger import A, B, Consortium
from medquorum_testing.ledger.small_federation import Federation


@pytest.fixture
def federate(tmp_path: Path) -> Iterator[Callable[..., Federation]]:
    """Make a federation of all roles on a ledger in memory; keyword arguments change the task."""
    made: list[Consortium] = []

    def build(
        behaviours: dict[str, Behaviour] | None = None, members: dict[str, Any] | None = None, **task: Any
    ) -> Federation:
        consortium = Consortium(tmp_path / "sets", **(members or {}))
        made.append(consortium)
        consortium.begin(**task)
        return Federation(consortium, tmp_path, behaviours)

    yield build
    for consortium in made:
        consortium.close()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a rig of one encrypted round's aggregation."""

    def made(*nodes: str, **task: Any) -> Rig:
        return Rig(tmp_path, nodes or (A, B), **task)

    return made
