# SPDX-License-Identifier: Apache-2.0
"""The network of the official gateway's scenarios, and which of them are left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medquorum_testing.gateway.conformance_network import three_organisations
from medquorum_testing.gateway.gateway_scenario import ScenarioNetwork
from medquorum_testing.network.folder_network import NETWORKS, FolderNetwork
from medquorum_testing.network.networks import need_fabric

HERE = Path(__file__).parent
LEFT_OUT = {"hsm": "needs a hardware security module (PKCS#11): the client takes any function that signs a digest"}

_running = FolderNetwork(HERE)
pytest_runtest_teardown = _running.pytest_runtest_teardown


def pytest_bdd_apply_tag(tag: str, function: Any) -> bool | None:
    """Skip what a feature's tag leaves out, saying why."""
    if tag not in LEFT_OUT:
        return None
    pytest.mark.skip(reason=LEFT_OUT[tag])(function)
    return True


@pytest.fixture(scope="session", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScenarioNetwork]:
    if request.param == "fabric":
        need_fabric()
    with _running:
        running = _running.enter_context(three_organisations(request.param, tmp_path_factory.mktemp(request.param)))
        yield ScenarioNetwork(running, HERE / "chaincodes.py")
