# SPDX-License-Identifier: Apache-2.0
"""One federation with an encrypted task for this folder's tests: on real Fabric, or on the devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.dashboard.browser import chromium
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import HOSPITALS, SharedFederation, fed
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

__all__ = ["chromium", "fed"]

NETWORK = {"sample_name": "quickstart", "hospitals": HOSPITALS}

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("encrypted")
    with _running.on(networks, request.param, place, "hidden", network=NETWORK, encrypted=True) as made:
        yield made
