# SPDX-License-Identifier: Apache-2.0
"""One federation whose hospitals are party P1 of their own updates: on the devnet, then on real Fabric."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from federation import Federation, federation
from networks import Networks

NETWORKS = [pytest.param("devnet"), pytest.param("fabric", marks=pytest.mark.fabric)]
HOSPITALS = 4
"""The sum of three accepted updates may be opened, so that one hospital may fail."""
TASK = {"placement": "smv-semi-honest", "rule": {"name": "threshold", "threshold": 300}}
"""An honest update is right about far more than three of ten images, one that knows nothing about one of them."""

_running = ExitStack()


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    running = networks.start(request.param, sample_name="quickstart", hospitals=HOSPITALS, fresh=True)
    _running.callback(running.network.down, purge=True)
    folder = tmp_path_factory.mktemp("placement")
    made = _running.enter_context(federation(running, folder, "own", encrypted=True, **TASK))
    number = made.opened()
    for hospital in made.hospitals:  # loads torch for as long as the machine is busy
        made.roles[hospital].wait_for("submitted", round=number, seconds=240)
    yield made
    _running.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End it with the folder's last test, not with the session: what follows needs the machine."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _running.close()


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The federation with every process running and no round open."""
    shared.settle()
    return shared
