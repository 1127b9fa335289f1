# SPDX-License-Identifier: Apache-2.0
"""One network for this folder's tests, which play one task after the other: on real Fabric, or on the devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.federation.shared_federation import HOSPITALS
from medquorum_testing.network.folder_network import NETWORKS, FolderNetwork
from medquorum_testing.network.networks import Networks, RunningNetwork

_running = FolderNetwork(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def running(request: pytest.FixtureRequest, networks: Networks) -> Iterator[RunningNetwork]:
    with _running:
        made = networks.start(request.param, sample_name="quickstart", hospitals=HOSPITALS)
        _running.callback(made.network.down, purge=True)
        yield made
