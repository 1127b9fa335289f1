# SPDX-License-Identifier: Apache-2.0
"""One federation with hidden updates and the rule ``direction`` for this folder's tests: on Fabric, or the devnet.

Its model has a batch normalisation, whose mean and scale have weights of their own in a sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.clients.training.initial import drawn_model
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue
from medquorum.core.rules import MEMBERS
from medquorum_testing.federation.federation import Federation
from medquorum_testing.federation.shared_federation import HOSPITALS, SharedFederation, fed
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks

__all__ = ["fed"]

NETWORK = {"sample_name": "quickstart", "hospitals": HOSPITALS}
RULE = {"name": "direction", "epochs": 40, "batch": 8, "members": MEMBERS}

MODEL = {
    "name": "normalised",
    "input": [1, 8, 8],
    "classes": 10,
    "pixels": catalogue.pixel_table(0.5, 0.5),
    "layers": [
        {"op": "conv", "name": "a", "in": 1, "out": 8, "kernel": 3, "stride": 1, "padding": 1, "bias": False},
        {"op": "batchnorm", "name": "n", "channels": 8},
        {"op": "relu"},
        {"op": "maxpool", "kernel": 2, "stride": 2, "padding": 0},
        {"op": "flatten"},
        {"op": "dense", "name": "z", "in": 128, "out": 10},
    ],
}

_running = SharedFederation(Path(__file__).parent)
pytest_runtest_teardown = _running.pytest_runtest_teardown


@pytest.fixture(scope="session", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("direction")
    task = {"encrypted": True, "rule": RULE, "minimum_accepted": 3, "disclosure": "count"}
    model = MODEL, drawn_model(modelformat.parse(MODEL), 0)
    with _running.on(networks, request.param, place, "weighed", network=NETWORK, model=model, **task) as made:
        yield made
