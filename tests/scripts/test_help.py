# SPDX-License-Identifier: Apache-2.0
"""--help of every script: without an environment, by the name that was typed, and what the program itself says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPED = ("quickstart", "experiments", "bench", "fuzz", "network.sh", "test", "lock")
PROGRAMS = {"quickstart": "medquorum_federation", "experiments": "medquorum_federation.experiments"}
PROGRAMS |= {"experiments-rules": "medquorum_federation.study", "fuzz": "medquorum_testing.fuzzing"}
FILES = (ROOT / "benchmarks/medquorum_benchmarks").glob("*/*.py")
BENCHMARKS = sorted(path.stem for path in FILES if "\nif __name__" in path.read_text())


def asked(script: str, *arguments: str, place: Path) -> str:
    """Ask a script for help where there is no environment, and none can be made."""
    environment = {"PATH": os.environ["PATH"], "MEDQUORUM_VENV": str(place / "venv"), "PYTHON_BIN": "/bin/false"}
    command = [str(ROOT / "scripts" / script), *arguments, "--help"]
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(place.iterdir()) == []
    return done.stdout


@pytest.mark.parametrize("script", TYPED)
def test_help_installs_nothing_and_names_what_was_typed(script: str, tmp_path: Path) -> None:
    assert f"scripts/{script}" in asked(script, place=tmp_path).partition("\n")[0]


def test_bench_lists_every_benchmark_and_each_has_a_text(tmp_path: Path) -> None:
    assert asked("bench", place=tmp_path).partition("Benchmarks: ")[2].split() == BENCHMARKS
    texts = (ROOT / "scripts/help").glob("bench-*.txt")
    assert sorted(path.stem.removeprefix("bench-") for path in texts) == BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_answers(name: str, tmp_path: Path) -> None:
    assert f"scripts/bench {name}" in asked("bench", name, place=tmp_path)


@pytest.mark.parametrize("script", sorted(PROGRAMS))
def test_the_texts_are_the_programs(script: str) -> None:
    environment = os.environ | {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", PROGRAMS[script], "--help"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said == (ROOT / f"scripts/help/{script}.txt").read_text(), "renew it: scripts/help/write"
