# SPDX-License-Identifier: Apache-2.0
"""Trials in awkward surroundings: dead proxies in the environment, no locale, a folder with blanks and umlauts."""

import os
import subprocess
import sys
from pathlib import Path

DEAD = "http://127.0.0.1:1"
PROXIES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


def test_two_trials_side_by_side_with_dead_proxies_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ("Ärzte mit Übung " + "x" * 150)
    folder.mkdir()
    environment = os.environ | {spelled: DEAD for name in PROXIES for spelled in (name, name.upper())}
    environment |= {"LANG": "C", "LC_ALL": "C", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    options = ["--hospitals", "3", "--adversaries", "1", "--rounds", "1", "--epochs", "1", "--network", "devnet"]
    command = [sys.executable, "-m", "medquorum_federation", *options]
    command += ["--dir", str(folder / "net"), "--results", str(folder / "results")]
    trials = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    told = b""
    for trial in trials:
        told += b"".join(trial.communicate(timeout=280))
        assert trial.returncode == 0, told.decode(errors="replace")
    assert len(list(folder.glob("results/*/report.json"))) == 2
    text = told.decode(errors="replace")
    assert "Another trial runs in" in text
    assert "this network takes" in text
