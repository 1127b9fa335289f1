# SPDX-License-Identifier: Apache-2.0
"""An existing fabric-sdk-py application works with the profile, the wallet and the chaincode of a real network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from medquorum_testing.foreign_python import foreign_python, run_installer
from medquorum_testing.network.networks import Networks, RunningNetwork

pytestmark = [pytest.mark.hfc, pytest.mark.fabric]

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"


@pytest.fixture(scope="session")
def hfc_python() -> Path:
    """Interpreter of hfc's environment, made once for each list of requirements."""
    base = sys.executable if sys.version_info < (3, 12) else shutil.which("python3.11")
    if base is None:
        pytest.skip("fabric-sdk-py needs Python 3.11: it imports a module that later versions do not have")

    def install(environment: Path) -> None:
        subprocess.run([base, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--retries", "1"]
        run_installer([*pip, "--no-deps", "-r", REQUIREMENTS])

    return foreign_python("hfc", REQUIREMENTS.read_bytes() + base.encode(), install)


@pytest.fixture(scope="module")
def network(networks: Networks) -> Iterator[RunningNetwork]:
    running = networks.start("fabric", hospitals=1, consensus="BFT")
    running.deploy("medquorum", None)
    running.await_acquaintance("medquorum")
    yield running
    running.network.down(purge=True)


@pytest.fixture(scope="module")
def document(network: RunningNetwork) -> dict[str, Any]:
    members = {one.msp_id: list(one.roles) for one in network.consortium.organisations}
    return {"quorum": network.consortium.quorum, "members": members}


@pytest.fixture(scope="module")
def answers(
    hfc_python: Path, network: RunningNetwork, document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    profile = network.folder.hfc_profile(network.consortium.organisation("VerifierA"))
    command = [hfc_python, HERE / "application.py", profile, json.dumps(document)]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert list(elsewhere.iterdir()) == []  # no keys left where the application happened to run
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_it_invokes_the_chaincode_and_reads_the_result(answers: dict[str, Any], document: dict[str, Any]) -> None:
    assert "CONSORTIUM_MISSING" in answers["before"]
    assert json.loads(answers["invoked"]).items() >= document.items()
    assert json.loads(answers["read"]) == json.loads(answers["invoked"])


def test_it_sees_a_refusal_with_its_cause(answers: dict[str, Any]) -> None:
    assert answers["again"].startswith("CONSORTIUM_EXISTS")


def test_it_reads_blocks_and_the_transaction(answers: dict[str, Any], network: RunningNetwork) -> None:
    channel = network.consortium.channel.name
    assert answers["channels"] == [channel]
    assert answers["genesis"] == 0
    newest = answers["newest"]
    assert (newest["number"], newest["channel"]) == (answers["height"] - 1, channel)
    assert len(newest["tx_id"]) == 64
    assert answers["transaction"] == {"creator": "VerifierAMSP", "code": 0}


def test_it_knows_every_node_from_the_profile(answers: dict[str, Any], network: RunningNetwork) -> None:
    assert answers["peers"] == sorted(one.node for one in network.consortium.members)
    assert answers["orderers"] == sorted(one.node for one in network.consortium.orderers)


def test_json_and_yaml_profiles_are_equal(network: RunningNetwork) -> None:
    for one in network.consortium.organisations:
        written = yaml.safe_load(network.folder.profile(one, "yaml").read_text())
        assert written == json.loads(network.folder.profile(one).read_text())
