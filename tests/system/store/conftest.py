# SPDX-License-Identifier: Apache-2.0
"""A task with a private store on real Fabric, or on the devnet, three rounds played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medquorum_testing.federation.ledger_rounds import LedgerRounds
from medquorum_testing.network.folder_network import NETWORKS, FolderNetwork
from medquorum_testing.network.networks import Networks

ROUNDS = 3


@dataclass(frozen=True)
class Played:
    """The task's rounds and the model of each, w_0 first."""

    rounds: LedgerRounds
    models: list[str]


_running = FolderNetwork(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def played(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    with _running:
        running = networks.start(request.param, hospitals=1)
        _running.callback(running.network.down, purge=True)
        place = tmp_path_factory.mktemp("store")
        made = _running.enter_context(LedgerRounds(running, place, "store", model_store="private", keep_models=2))
        yield Played(made, [made.task.initial_model, *(made.play(number) for number in range(1, ROUNDS + 1))])
