# SPDX-License-Identifier: Apache-2.0
"""One federation with hidden updates and the rule ``direction`` for this folder's tests: on Fabric, or the devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.core.rules import MEMBERS
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import HOSPITALS, SharedFederation, fed
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

__all__ = ["fed"]

NETWORK = {"sample_name": "quickstart", "hospitals": HOSPITALS}
RULE = {"name": "direction", "epochs": 40, "batch": 8, "members": MEMBERS}

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("direction")
    task = {"encrypted": True, "rule": RULE, "minimum_accepted": 3, "disclosure": "count"}
    with _running.on(networks, request.param, place, "weighed", network=NETWORK, **task) as made:
        yield made
