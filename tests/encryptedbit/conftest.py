# SPDX-License-Identifier: Apache-2.0
"""One federation whose verdicts are one bit, found by function secret sharing: on the devnet, then on real Fabric."""

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
    running = networks.start(request.param, sample_name="quickstart", hospitals=3, fresh=True)
    folder = tmp_path_factory.mktemp("bit")
    try:
        with federation(running, folder, "bit", encrypted=True, disclosure="bit", comparison="fss") as made:
            number = made.opened()
            for hospital in made.hospitals:  # loads torch for as long as the machine is busy
                made.roles[hospital].wait_for("submitted", round=number, seconds=240)
            yield made
    finally:
        running.network.down(purge=True)


@pytest.fixture
def fed(shared: Federation) -> Federation:
    """The federation with every process running and no round open."""
    shared.settle()
    return shared
