# SPDX-License-Identifier: Apache-2.0
"""One federation for a folder's tests, on real Fabric or on the devnet; for its ``conftest``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medquorum_testing.federation.federation import Federation, federation
from medquorum_testing.network.folder_network import FolderNetwork
from medquorum_testing.network.networks import Networks

HOSPITALS = 4
"""Of an encrypted task's federation: the sum of three accepted updates may be opened, so that one hospital may fail."""


class SharedFederation(FolderNetwork):
    """The federation of the tests in a folder, one at a time; its conftest also imports the fixture ``fed``."""

    @contextmanager
    def on(
        self, networks: Networks, kind: Any, place: Path, name: str, *, network: dict[str, Any], **task: Any
    ) -> Iterator[Federation]:
        """Run a federation with its files in ``place`` on a network of its own."""
        with self:
            running = networks.start(kind, **network)
            self.callback(running.network.down, purge=True)
            made = self.enter_context(federation(running, place, name, **task))
            if task.get("encrypted"):
                number = made.opened()
                for hospital in made.hospitals:  # loads torch for as long as the machine is busy
                    made.roles[hospital].wait_for("submitted", round=number, seconds=240)
            yield made


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The federation with every process running and no round open."""
    shared.settle()
    return shared
