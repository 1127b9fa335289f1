# SPDX-License-Identifier: Apache-2.0
"""What a folder's tests share ends with the last of them, not with the session: what follows needs the machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

__all__ = ["NETWORKS", "FolderNetwork", "deselect_devnet_twins"]

NETWORKS = [
    pytest.param("devnet", marks=pytest.mark.devnet_twin),
    pytest.param("fabric", marks=pytest.mark.fabric),
]
"""Real Fabric, and the devnet where that is missing: the conformance tests hold the two equal."""


class FolderNetwork(ExitStack):
    """Closes when no test below ``folder`` follows at once: the folder's tests must be run one after the other.

    Its conftest takes ``pytest_runtest_teardown`` as its own.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """End what runs if no test of the folder follows."""
        if nextitem is None or self._folder not in nextitem.path.parents:
            self.close()


def deselect_devnet_twins(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs on the devnet in real Fabric's place where the same test runs on real Fabric."""
    real = {item.nodeid for item in items if item.get_closest_marker("fabric")}
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        twin = item.nodeid.replace("devnet", "fabric")
        chosen[item.get_closest_marker("devnet_twin") is not None and twin in real].append(item)
    if chosen[True]:
        config.hook.pytest_deselected(items=chosen[True])
        items[:] = chosen[False]
