# SPDX-License-Identifier: Apache-2.0
"""Chaincodes of several organisations in one place: forked, and yet processes like others."""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from medquorum.errors import ConfigError, StartTimeout
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.children import CHAINCODE_SERVER
from medquorum.network.supervision.control import bring_down, supervise
from medquorum.network.supervision.forking import Zygote
from medquorum.network.supervision.processes import Process, alive, marked, records
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.network.ports import free_port_base

SERVER = str(Path(sys.executable).with_name(CHAINCODE_SERVER))


def chaincode(folder: NetworkFolder, organisation: str, **env: str) -> None:
    env = {
        "CHAINCODE_SERVER_ADDRESS": f"127.0.0.1:{free_port_base(1)}",
        "CHAINCODE_ID": organisation,
        "CHAINCODE_TLS_DISABLED": "true",
        "MEDQUORUM_MSP_ID": f"{organisation}MSP",
    } | env
    Process(f"chaincode.{organisation}", organisation, "chaincode", [SERVER], env).save(folder)


def listening(folder: NetworkFolder, name: str) -> list[str]:
    """The ids that a process' log has told when it began to listen."""
    lines = (json.loads(line) for line in folder.log(name).read_text().splitlines() if line.startswith("{"))
    return [line["chaincode_id"] for line in lines if line["event"] == "chaincode listening"]


def await_listening(folder: NetworkFolder, organisation: str, times: int = 1) -> psutil.Process:
    name = f"chaincode.{organisation}"
    await_true(lambda: listening(folder, name) == [organisation] * times, 30, "it does not listen", folder.log(name))
    process = alive(records(folder)[name])
    assert process is not None
    return process


def test_each_has_its_own_log_environment_and_command_line(folder: NetworkFolder) -> None:
    for organisation in ("A", "B"):
        chaincode(folder, organisation)
    supervise(folder)
    first, second = (await_listening(folder, organisation) for organisation in ("A", "B"))
    assert first.ppid() == second.ppid() != records(folder)["supervisor"].pid
    assert [part for part in first.cmdline() if part.strip()] == [sys.executable, SERVER]
    assert os.getsid(first.pid) == first.pid
    bring_down(folder)
    assert "chaincode stopped" in folder.log("chaincode.A").read_text()


def test_a_killed_one_is_started_again_and_the_others_go_on(folder: NetworkFolder) -> None:
    for organisation in ("A", "B"):
        chaincode(folder, organisation)
    supervise(folder)
    killed, other = (await_listening(folder, organisation) for organisation in ("A", "B"))
    killed.kill()
    again = await_listening(folder, "A", 2)
    assert again.pid != killed.pid
    assert again.ppid() == other.ppid()
    assert (records(folder)["chaincode.A"].restarts, records(folder)["chaincode.A"].last_exit) == (1, -signal.SIGKILL)


def test_all_come_back_after_their_zygote_was_killed(folder: NetworkFolder) -> None:
    chaincode(folder, "A")
    supervise(folder)
    before = await_listening(folder, "A")
    psutil.Process(before.ppid()).kill()
    assert await_listening(folder, "A", 2).pid != before.pid


def test_none_outlives_a_crashed_supervisor_and_the_next_one_starts_them_again(folder: NetworkFolder) -> None:
    chaincode(folder, "A")
    supervise(folder)
    before = await_listening(folder, "A")
    psutil.Process(records(folder)["supervisor"].pid).kill()
    await_true(lambda: marked(folder) == [], 20, "something goes on")
    supervise(folder)
    assert await_listening(folder, "A", 2).pid != before.pid


def test_one_that_cannot_serve_is_told_by_its_exit_code(folder: NetworkFolder) -> None:
    chaincode(folder, "A", MEDQUORUM_MSP_ID="no id")
    with suppress(StartTimeout):  # it is only seen to run when one looks just then
        supervise(folder)
    await_true(lambda: records(folder)["chaincode.A"].restarts >= 1, 30, "it runs")
    assert records(folder)["chaincode.A"].last_exit == ConfigError.exit_code
    assert "MEDQUORUM_MSP_ID is 'no id'" in folder.log("chaincode.A").read_text()


@pytest.mark.parametrize(("organisation", "fork"), [(None, False), ("A", True)])
def test_they_are_new_processes(folder: NetworkFolder, organisation: str | None, fork: bool) -> None:
    chaincode(folder, "A")
    supervise(folder, organisation, fork=fork)
    (supervisor,) = (record for record in records(folder).values() if record.name.startswith("supervisor"))
    assert await_listening(folder, "A").ppid() == supervisor.pid


def test_a_forked_process_ends_in_order_but_does_not_clear_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forked_by_test.py").write_text(
        "import atexit, sys, threading, time\n"
        "class Object:\n    def __del__(self): print('cleared', flush=True)\n"
        "kept = sys.kept = Object()\n"
        "def work():\n    time.sleep(0.1)\n    print('thread done')\n"
        "if __name__ == '__main__':\n"
        "    atexit.register(print, 'registered')\n"
        "    threading.Thread(target=work).start()\n"
        "    sys.exit('told' if sys.argv[1:] else 0)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Zygote(["json"]) as zygote, (tmp_path / "out").open("ab") as out, (tmp_path / "err").open("ab") as err:
        files = {"stdout": out.fileno(), "stderr": err.fileno()}
        assert zygote.fork("forked_by_test", **files).wait(20) == 0
        assert zygote.fork("forked_by_test", ["x"], **files).wait(20) == 1
    assert (tmp_path / "out").read_text().splitlines() == ["thread done", "registered"] * 2
    assert (tmp_path / "err").read_text() == "told\n"
