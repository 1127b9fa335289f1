# SPDX-License-Identifier: Apache-2.0
"""One federation whose hospitals are party P1 of their own updates: on real Fabric, or on the devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import HOSPITALS, SharedFederation, fed
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

__all__ = ["fed"]

NETWORK = {"sample_name": "quickstart", "hospitals": HOSPITALS}
TASK = {"placement": "smv-semi-honest", "rule": {"name": "threshold", "threshold": 300}}
"""An honest update is right about far more than three of ten images, one that knows nothing about one of them."""

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("placement")
    with _running.on(networks, request.param, place, "own", network=NETWORK, encrypted=True, **TASK) as made:
        yield made
