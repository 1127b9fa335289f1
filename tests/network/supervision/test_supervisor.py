# SPDX-License-Identifier: Apache-2.0
"""Supervision: restarts with back-off, pids that others got, crashed supervisors, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from medquorum.errors import NetworkError
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.control import bring_down, supervise, switch
from medquorum.network.supervision.processes import Process, Record, alive, marked, records
from medquorum.network.supervision.waiting import await_true

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Starts a child of its own in the background and waits: what `down` must find too.
PARENT = [sys.executable, "-c", "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)", *SLEEP]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]


def add(folder: NetworkFolder, name: str, command: list[str], organisation: str = "A") -> Process:
    process = Process(name, organisation, "peer", command)
    process.save(folder)
    return process


def pid(folder: NetworkFolder, name: str) -> int:
    return records(folder)[name].pid


def kill_supervisor(folder: NetworkFolder) -> None:
    supervisor = psutil.Process(pid(folder, "supervisor"))
    supervisor.kill()
    supervisor.wait(10)


def test_a_process_that_dies_is_started_again_and_reported(folder: NetworkFolder) -> None:
    add(folder, "one", SLEEP)
    supervise(folder)
    killed = pid(folder, "one")
    os.kill(killed, signal.SIGKILL)
    await_true(lambda: pid(folder, "one") not in (0, killed), 10, "no restart")
    record = records(folder)["one"]
    assert (record.restarts, record.last_exit, record.state) == (1, -signal.SIGKILL, "running")
    events = [json.loads(line) for line in folder.log("supervisor").read_text().splitlines()]
    died = [(e["name"], e["cause"]) for e in events if e["event"].startswith("died")]
    assert died == [("one", "killed by SIGKILL, which did not come from here")]


def test_processes_that_outnumber_the_processors_are_batch_work(folder: NetworkFolder) -> None:
    processors = os.cpu_count() or 1
    add(folder, "first", SLEEP)
    supervise(folder)
    for number in range(processors):
        add(folder, f"more-{number}", SLEEP)
    supervise(folder)
    policies = {name: os.sched_getscheduler(pid(folder, name)) for name in ("first", "more-0")}
    assert policies == {"first": os.SCHED_OTHER, "more-0": os.SCHED_BATCH}


def test_the_delay_grows(folder: NetworkFolder) -> None:
    # Long enough to be seen alive, as `supervise` wants to.
    ends = "import time; time.sleep(0.5); print('fatal: no such file'); raise SystemExit(7)"
    add(folder, "short", [sys.executable, "-c", ends])
    add(folder, "long", SLEEP)
    supervise(folder)
    await_true(lambda: records(folder)["short"].restarts >= 4, 60, "too few restarts")
    events = [json.loads(line) for line in folder.log("supervisor").read_text().splitlines()]
    delays = [e["seconds"] for e in events if e["event"].startswith("died")]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert {e["cause"] for e in events if e["event"].startswith("died")} == {"exit code 7: fatal: no such file"}
    assert records(folder)["short"].last_exit == 7
    assert alive(records(folder)["long"])


def test_a_changed_process_is_restarted_and_others_are_not(folder: NetworkFolder) -> None:
    changed = add(folder, "changed", SLEEP)
    add(folder, "same", SLEEP)
    supervise(folder)
    before = {name: record.pid for name, record in records(folder).items()}
    replace(changed, env={"COLOUR": "blue"}).save(folder)
    supervise(folder)
    after = {name: record.pid for name, record in records(folder).items()}
    assert after["same"] == before["same"]
    assert after["supervisor"] == before["supervisor"]
    assert after["changed"] != before["changed"]


def test_a_removed_process_ends(folder: NetworkFolder) -> None:
    add(folder, "gone", SLEEP)
    add(folder, "stays", SLEEP)
    supervise(folder)
    process = psutil.Process(pid(folder, "gone"))
    folder.process("gone").unlink()
    supervise(folder)
    assert not process.is_running()
    assert "gone" not in records(folder)


def test_a_process_is_switched_off_and_on(folder: NetworkFolder) -> None:
    add(folder, "one", SLEEP)
    supervise(folder)
    switch(folder, ["one"], False)
    assert records(folder)["one"].state == "stopped"
    switch(folder, ["one"], True)
    assert alive(records(folder)["one"])
    with pytest.raises(NetworkError, match="no process 'two'"):
        switch(folder, ["two"], False)


def test_down_ends_grandchildren_and_those_that_ignore_sigterm(folder: NetworkFolder) -> None:
    add(folder, "parent", PARENT)
    supervise(folder)
    await_true(lambda: len(marked(folder)) == 3, 10, "no grandchild")
    assert bring_down(folder) == 3
    assert marked(folder) == []


@pytest.mark.slow
def test_a_deaf_process_is_killed(folder: NetworkFolder) -> None:
    add(folder, "deaf", STUBBORN)
    supervise(folder)
    await_true(lambda: "deaf" in folder.log("deaf").read_text(), 10, "not deaf yet")
    assert bring_down(folder) == 2


def test_after_a_crash_of_the_supervisor_the_next_one_ends_its_children(folder: NetworkFolder) -> None:
    add(folder, "one", SLEEP)
    supervise(folder)
    orphan = psutil.Process(pid(folder, "one"))
    kill_supervisor(folder)
    supervise(folder)
    await_true(lambda: not orphan.is_running(), 10, "the orphan runs")
    assert len(marked(folder)) == 2


def test_down_works_after_a_crash_of_the_supervisor(folder: NetworkFolder) -> None:
    add(folder, "one", SLEEP)
    supervise(folder)
    kill_supervisor(folder)
    bring_down(folder)
    assert marked(folder) == []


def test_a_stranger_with_a_recorded_pid_is_left_alone(folder: NetworkFolder) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        begun = psutil.Process(stranger.pid).create_time()
        assert alive(Record("x", "A", stranger.pid, begun, "running"))
        stale = Record("x", "A", stranger.pid, begun - 60, "running")
        assert alive(stale) is None
        stale.save(folder)
        bring_down(folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_one_organisation_alone(folder: NetworkFolder) -> None:
    add(folder, "a", SLEEP, "A")
    add(folder, "b", SLEEP, "B")
    supervise(folder, "A")
    assert set(records(folder)) == {"a", "supervisor-A"}
    supervise(folder, "B")
    assert set(records(folder)) == {"a", "b", "supervisor-A", "supervisor-B"}
    assert bring_down(folder) == 4


def test_a_second_supervisor_of_the_same_processes_is_refused(folder: NetworkFolder) -> None:
    add(folder, "one", SLEEP)
    supervise(folder)
    command = [sys.executable, "-m", "medquorum.network.supervision.supervisor", "--dir", str(folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "another supervisor" in done.stdout


def test_a_record_that_vanishes_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = NetworkFolder(tmp_path)
    for name in ("a", "b"):
        Record(name, "Org", 1, 0.0, "stopped").save(folder)
    read = Path.read_text

    def late(path: Path, *arguments: object, **options: object) -> str:
        folder.run("b").unlink(missing_ok=True)  # a supervisor forgets a retired process
        return read(path)

    monkeypatch.setattr(Path, "read_text", late)
    assert list(records(folder)) == ["a"]
