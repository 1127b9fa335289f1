# SPDX-License-Identifier: Apache-2.0
"""The quickstart itself, on the devnet and on real Fabric: what it reports, and that it leaves nothing behind."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from medquorum_federation.options import Options
from medquorum_federation.simulation import Simulation
from medquorum_testing.network.networks import need_fabric
from medquorum_testing.network.ports import free_port_base

OPTIONS = {"hospitals": 3, "adversaries": 1, "rounds": 2, "epochs": 4, "rule": "strict", "seed": 1}
ENCRYPTED = {"hospitals": 4, "adversaries": 1, "rounds": 2, "seed": 0, "verification": "encrypted"}


def command(folder: Path, network: str, options: dict[str, Any] = OPTIONS) -> list[str]:
    flags = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    given = [text for flag, value in flags.items() for text in ((flag,) if value is True else (flag, str(value)))]
    places = ["--dir", str(folder / "net"), "--results", str(folder / "results"), "--json", str(folder / "run.json")]
    base = ["--network", network, "--port-base", str(free_port_base(300))]
    return [sys.executable, "-m", "medquorum_federation", *given, *places, *base]


def processes_of(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if str(folder) in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


RUNS = {
    "plain": OPTIONS | {"dashboard": True},
    "direction": OPTIONS | {"hospitals": 4, "rule": "direction", "attack": "pairwise-flip", "dirichlet": 0.5},
    "5 nodes": ENCRYPTED | {"aggregation": "shared", "aggregators": 5},
    "bit, 3 nodes": ENCRYPTED | {"disclosure": "bit", "aggregation": "shared", "aggregators": 3},
    "prefix": ENCRYPTED | {"rule": "prefix", "dirichlet": 0.3},
    "hidden direction": ENCRYPTED | {"rule": "direction", "attack": "pairwise-flip", "dirichlet": 0.5},
    "smv": ENCRYPTED | {"placement": "smv-semi-honest"},
}
ON_BOTH = ("plain", "5 nodes")
NOT_FORKED = OPTIONS | {"no_fork": True}
"""With the simulation's model hash as the others, whose roles are forked."""


def runs() -> Iterator[Any]:
    for name, options in RUNS.items():
        marks = () if name in ON_BOTH else pytest.mark.devnet_twin
        yield pytest.param("devnet", options, id=f"devnet-{name}", marks=marks)
        yield pytest.param("fabric", options, id=f"fabric-{name}", marks=pytest.mark.fabric)
    yield pytest.param("devnet", NOT_FORKED, id="devnet-not forked")


@pytest.mark.parametrize(("network", "options"), list(runs()))
def test_a_run_reports_what_the_ledger_decided(network: str, options: dict[str, Any], tmp_path: Path) -> None:
    if network == "fabric":
        need_fabric()
    done = subprocess.run(command(tmp_path, network, options), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((tmp_path / "run.json").read_text())
    assert report["network"] == network
    assert "Next: scripts/quickstart --keep" in " ".join(done.stdout.splitlines()[-3:])
    assert ("Dashboard, until the run ends: http://127.0.0.1:" in done.stdout) is options.get("dashboard", False)
    assert len(report["rounds"]) == 2
    decided = [report[f"{who}_{what}"] for who in ("honest", "poisoned") for what in ("accepted", "refused")]
    assert sum(decided) == 2 * options["hospitals"]
    assert report["ledger_bytes"] > 0
    if network == "devnet":  # the journals of its databases are most of a short run's growth
        assert report["ledger_round_expected"] / 2 <= report["ledger_round_measured"]
        assert report["ledger_round_measured"] <= report["ledger_round_expected_most"]
    assert report["seconds"]["total"] > report["seconds"]["training"] > 0
    # The same integers without any network, in clear and encrypted: one meaning everywhere.
    simulated = Simulation(Options.model_validate(options), report["task"]).run()
    assert report["model_hash"] == simulated["model_hash"]
    assert [item["accuracy"] for item in report["rounds"]] == pytest.approx(simulated["accuracy"][1:], abs=1e-6)
    assert list(tmp_path.glob("results/*/accuracy.png"))
    assert processes_of(tmp_path) == []


def test_an_interrupt_leaves_nothing_running(tmp_path: Path) -> None:
    process = subprocess.Popen(command(tmp_path, "devnet"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("results/*/logs/hospital3.log")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    said, wrong = process.communicate(timeout=90)
    assert process.returncode == 130, said + wrong
    assert "interrupted" in wrong
    assert processes_of(tmp_path) == []
