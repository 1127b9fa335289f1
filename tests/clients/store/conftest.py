# SPDX-License-Identifier: Apache-2.0
"""A task with a private store on the devnet and on real Fabric, three rounds played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ledger_rounds import LedgerRounds
from networks import Networks

NETWORKS = [pytest.param("devnet"), pytest.param("fabric", marks=pytest.mark.fabric)]
ROUNDS = 3


@dataclass(frozen=True)
class Played:
    """The task's rounds and the model of each, w_0 first."""

    rounds: LedgerRounds
    models: list[str]


@pytest.fixture(scope="session", params=NETWORKS)
def played(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    running = networks.start(request.param, hospitals=1)
    with LedgerRounds(running, tmp_path_factory.mktemp("store"), "store", model_store="private", keep_models=2) as made:
        models = [made.task.initial_model, *(made.play(number) for number in range(1, ROUNDS + 1))]
        yield Played(made, models)
