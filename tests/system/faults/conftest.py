# SPDX-License-Identifier: Apache-2.0
"""One federation for this folder's tests: on real Fabric with Byzantine-fault-tolerant orderers, or the devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import SharedFederation, fed
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

__all__ = ["fed"]

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("faults")
    with _running.on(networks, request.param, place, "faults", network={"consensus": "BFT"}) as made:
        yield made
