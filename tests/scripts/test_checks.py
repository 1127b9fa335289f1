# SPDX-License-Identifier: Apache-2.0
"""What keeps a run from working is found before any process starts, told once, in the words of the part it is of."""

import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import sample, write
from medquorum_federation.checks import check_runs
from medquorum_federation.options import Options
from medquorum_testing.network.ports import free_port_base

SECONDS = 3
PIXELS = np.full((40, 8, 8), 100, dtype=np.uint8)
LABELS = np.arange(40) % 2

NOT_STARTED = """
import subprocess, sys
def refuse(*_, **__): raise AssertionError("a process was started")
subprocess.Popen = refuse
sys.argv[0] = "quickstart"
import runpy
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__")
finally:
    assert "torch" not in sys.modules
"""


def run(
    module: str, folder: Path, *arguments: str, directory: Path | None = None, beyond: Sequence[str] = ()
) -> tuple[int, str]:
    """Run a script's program, which may start no process; return its exit code and what it said.

    ``beyond`` comes last on the command line, where it counts instead of what was there before.
    """
    places = ["--dir", str(directory or folder / "net"), "--results", str(folder / "results"), "--network", "devnet"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", NOT_STARTED, module, *arguments, *places, *beyond],
        capture_output=True,
        text=True,
        timeout=60,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time: what the machine does besides is no matter.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
    assert "Traceback" not in done.stderr, done.stderr
    assert "torch" not in done.stderr
    assert not (folder / "net").exists()
    return done.returncode, done.stderr


def made(folder: Path, pixels: Any = PIXELS, labels: Any = LABELS) -> str:
    path = folder / "set.npz"
    np.savez(path, images=pixels, labels=labels)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--data", "missing.npz"], 11, "missing.npz does not exist"),
        (["--data", "mnist"], 11, "mnist needs its idx files"),
        (["--hospitals", "100", "--limit", "50"], 11, "50 images cannot be dealt to 100 hospitals"),
        (["--verification-images", "5000"], 11, "5000 verification images cannot be taken from"),
        (["--model", "vgg"], 10, "model: "),
        (["--seed", "-1"], 10, "seed: "),
        (["--lambda", "1/0"], 10, "lambda 1/0 is no number: write 0.5 or 3/8"),
        (["--lambda", "1/3"], 10, "lambda must lie in"),
        (["--attack", "alie"], 10, "the attack alie needs"),
        (["--json", "/proc/here/report.json"], 10, "no file can be written into /proc/here"),
        (
            ["--rule", "direction", "--verification", "encrypted", "--placement", "smv-semi-honest"],
            50,
            "BAD_TASK: the rule direction needs every update",
        ),
        (
            ["--rule", "prefix", "--verification", "encrypted", "--disclosure", "bit"],
            50,
            "BAD_TASK: a rule over whole rounds opens counts",
        ),
    ],
)
def test_what_is_wrong_with_a_run_is_said_first(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    base = str(free_port_base(1200))
    found, text = run("medquorum_federation", tmp_path, *arguments, "--port-base", base)
    assert found == code, text
    assert text.startswith(f"error: {said}"), text
    assert text.count("error") == 1
    assert "exit code" not in text


@pytest.mark.parametrize(
    ("pixels", "labels", "code", "said"),
    [
        (PIXELS.astype(np.float32), LABELS, 11, "pixels must be"),
        (PIXELS, LABELS - 1, 11, "label -1 is no class"),
        (PIXELS, LABELS * 300, 11, "301 classes are more than 256"),
        (PIXELS[:, :2, :2], LABELS, 12, ""),
    ],
)
def test_what_is_wrong_with_a_file_is_said_first(
    pixels: Any, labels: Any, code: int, said: str, tmp_path: Path
) -> None:
    given = ["--data", made(tmp_path, pixels, labels), "--hospitals", "3", "--adversaries", "0", "--model", "lenet"]
    found, text = run("medquorum_federation", tmp_path, *given, "--port-base", str(free_port_base(300)))
    assert found == code, text
    assert said in text
    assert text.count("error: ") == 1


def test_a_taken_port_is_named_with_its_process(tmp_path: Path) -> None:
    base = free_port_base(300)
    with socket.create_server(("127.0.0.1", base + 101)):
        code, text = run("medquorum_federation", tmp_path, "--port-base", str(base))
    assert code == 20
    assert f"port {base + 101} is in use by " in text
    assert f"(pid {os.getpid()})" in text


@pytest.mark.parametrize("folder", ["--results", "--dir"])
def test_a_folder_that_takes_no_file_is_found_first(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, text = run("medquorum_federation", tmp_path, beyond=[folder, str(tmp_path / "file" / "new")])
    assert code == 10
    assert text.startswith(f"error: no file can be written into {tmp_path}/file/new: {tmp_path}/file takes none")


def test_ports_beyond_the_last_are_told_in_a_line(tmp_path: Path) -> None:
    code, text = run("medquorum_federation", tmp_path, "--port-base", "65500")
    assert code == 10
    assert text.startswith("error: a network of 10 hospitals takes the ports 65500 to "), text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("experiments", ["vu", "--seeds", "x"], "--seeds x is not a list of numbers"),
        ("experiments", ["vu", "--only", "zzz"], "no cell's name contains zzz"),
        ("experiments", ["vu", "--model", "vgg"], "cell none: model: "),
        ("study", ["--seeds", "x"], "--seeds x is not a list of numbers"),
        ("study", ["--ledger", "paper"], "there is no ledger 'paper'"),
    ],
)
def test_wrong_options_of_experiments_are_told_in_a_line(
    program: str, arguments: list[str], said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", f"medquorum_federation.{program}", *arguments, "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 10, done.stderr
    assert done.stderr.startswith(f"error: {said}"), done.stderr
    assert done.stderr.count("\n") == 1


def test_experiments_look_first_too(tmp_path: Path) -> None:
    base = str(free_port_base(300))
    code, text = run("medquorum_federation.experiments", tmp_path, "vu", "--data", "mnist", "--port-base", base)
    assert code == 11
    assert text.startswith("error: mnist needs its idx files"), text


def test_a_leftover_folder_of_another_kind_is_found_first(tmp_path: Path) -> None:
    write(sample("quickstart", hospitals=10), tmp_path / "left" / "consortium.toml")
    (tmp_path / "left" / "network").write_text("fabric\n")
    code, text = run("medquorum_federation", tmp_path, directory=tmp_path / "left")
    assert code == 10
    assert "is of kind fabric, not devnet" in text


def test_a_full_disk_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    options = Options(hospitals=4, adversaries=1)
    with pytest.raises(ConfigError, match="1 kB are free"):
        check_runs([options], "devnet", tmp_path / "new", sample("quickstart", hospitals=4))
    monkeypatch.undo()
    for each in (options, options.model_copy(update={"verification": "encrypted"})):
        check_runs([each], "fabric", tmp_path / "new", sample("quickstart", hospitals=4))
