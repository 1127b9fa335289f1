# SPDX-License-Identifier: Apache-2.0
"""One federation for a folder's tests, on the devnet and then on real Fabric; for its ``conftest``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from federation import Federation, federation
from networks import Networks

NETWORKS = [pytest.param("devnet"), pytest.param("fabric", marks=pytest.mark.fabric)]
HOSPITALS = 4
"""Of an encrypted task's federation: the sum of three accepted updates may be opened, so that one hospital may fail."""


class SharedFederation:
    """The federation of the tests in ``folder`` (a conftest's own); one at a time.

    The conftest takes ``pytest_runtest_teardown`` as its own, and imports the fixture ``fed``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()

    @contextmanager
    def on(
        self, networks: Networks, kind: Any, place: Path, name: str, *, network: dict[str, Any], **task: Any
    ) -> Iterator[Federation]:
        """Run a federation with its files in ``place`` on a network of its own."""
        running = networks.start(kind, fresh=True, **network)
        self._running.callback(running.network.down, purge=True)
        made = self._running.enter_context(federation(running, place, name, **task))
        if task.get("encrypted"):
            number = made.opened()
            for hospital in made.hospitals:  # loads torch for as long as the machine is busy
                made.roles[hospital].wait_for("submitted", round=number, seconds=240)
        yield made
        self._running.close()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """End it with the folder's last test, not with the session: what follows needs the machine."""
        if nextitem is None or self._folder not in nextitem.path.parents:
            self._running.close()


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The federation with every process running and no round open."""
    shared.settle()
    return shared
