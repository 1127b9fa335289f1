# SPDX-License-Identifier: Apache-2.0
"""One federation whose first hospital takes part from Python: on real Fabric, or on the devnet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from medquorum.clients.coordinator.actions import Deadlines
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import SharedFederation
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("python")
    with _running.on(networks, request.param, place, "python", network={"hospitals": 3}) as made:
        yield made


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The federation without the process of its first hospital, and no round open."""
    shared.settle()
    shared.roles["Hospital1"].kill()
    return shared


@pytest.fixture
def coordinated(fed: Federation) -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which a round opens, and closes once every hospital has submitted."""

    def rounds() -> None:
        fed.opened()
        fed.finished()

    @contextmanager
    def made() -> Iterator[None]:
        thread = threading.Thread(target=rounds)
        thread.start()
        yield
        thread.join(200)
        assert not thread.is_alive()

    return made


@pytest.fixture
def close_without_first(fed: Federation) -> Callable[[int], None]:
    """Return what closes a round that the other hospitals have submitted to."""

    def close(number: int) -> None:
        for hospital in fed.hospitals[1:]:
            fed.roles[hospital].wait_for("submitted", round=number)
        fed.reach("closed", Deadlines(0, 120, 120))

    return close
