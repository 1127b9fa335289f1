# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that play the ledger or write to it still speak the roles' protocol."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medquorum_testing.network.networks import need_fabric
from medquorum_testing.network.ports import free_port_base


def test_one_verification_is_measured_in_both_placements(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "medquorum_benchmarks.verification.images", "--model", "mlp", "--images", "16"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "images.json")], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads((tmp_path / "images.json").read_text())
    assert "outsourced" in json.dumps(measured)
    assert "smv-semi-honest" in json.dumps(measured)


def test_direction_evaluates_about_as_many_models_of_a_round_as_prefix(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "medquorum_benchmarks.verification.rules", "--model", "mlp", "--images", "16"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "rules.json")], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["rule"]: row for row in json.loads((tmp_path / "rules.json").read_text())["rows"]}
    found = {rule: row["models_evaluated"] for rule, row in rows.items()}
    assert 9 < found.pop("direction") <= 22
    assert found == {"strict": 11, "prefix": 21, "direction, no drops": 9}


@pytest.mark.fabric
@pytest.mark.parametrize("benchmark", ["store", "deploy"])
def test_models_are_stored_and_deployed_on_real_fabric(benchmark: str, tmp_path: Path) -> None:
    if need_fabric().version().startswith("2."):
        pytest.skip("Fabric 2 has no BFT orderers")
    ours = {"store": [], "deploy": ["--peers", "3", "--results", str(tmp_path)]}[benchmark]
    command = [sys.executable, "-m", f"medquorum_benchmarks.ledger.{benchmark}", "--model", "mlp", "--repeats", "1"]
    command += ["--port-base", str(free_port_base(200)), *ours]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mlp" in done.stdout
