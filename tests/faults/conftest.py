# SPDX-License-Identifier: Apache-2.0
"""One federation per module, on the devnet and on real Fabric with Byzantine-fault-tolerant orderers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from federation import Federation, federation
from networks import Networks

NETWORKS = [pytest.param("devnet"), pytest.param("fabric", marks=pytest.mark.fabric)]


@pytest.fixture(scope="module", params=NETWORKS)
def shared(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    running = networks.start(request.param, consensus="BFT")
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    with federation(running, tmp_path_factory.mktemp(name), name) as made:
        yield made


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The module's federation with every process running and no round open."""
    shared.settle()
    return shared
