# SPDX-License-Identifier: Apache-2.0
"""What a role says of its progress."""

from __future__ import annotations

import io
import json
import sys

import pytest

from medquorum.clients.cli import main
from medquorum.clients.runtime.reconcile import LoopControl, Stopped, left_behind
from medquorum.clients.runtime.report import Pace, Report
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.terminals import ERASE, terminal


def test_the_seconds_left_follow_from_the_pace_since_the_work_began() -> None:
    now = iter([90.0, 100.0, 103.0, 109.0])
    pace = Pace(clock=lambda: next(now))
    assert pace.seconds_left(200, 1000) is None
    assert pace.seconds_left(200, 1000) is None, "what comes before the first batch says nothing of a batch"
    assert pace.seconds_left(400, 1000) == 9.0
    assert pace.seconds_left(1000, 1000) == 0.0


def test_a_progress_is_one_line_that_changes_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch, 60)
    report = Report("hospital", "AMSP", as_json=False, stream=stream)
    report.progress("upload", 1, 4)
    report.progress("verification", 1000, 2000, unit="images", hospital="BMSP", seconds_left=9.4, sent=1, received=1)
    report.event("verdict", accepted=True)
    first, second, event = stream.getvalue().split("\r")
    assert first == f"{ERASE}upload  [#####---------------]  1/4"
    assert second == f"{ERASE}verification BMSP  [##########----------]  1,000/2,000 image", "cut, not wrapped"
    assert event.startswith(ERASE)
    assert event.endswith("accepted True\n")


def test_a_verifications_line_tells_seconds_left_and_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch, 120)
    report = Report("verifier", "AMSP", as_json=False, stream=stream)
    fields = {"hospital": "BMSP", "seconds_left": 61.6, "sent": 533_040_000, "received": 1_200_060_000}
    report.progress("verification", 250, 1000, unit="images", **fields)
    assert stream.getvalue() == (
        f"{ERASE}verification BMSP  [#####---------------]  250/1,000 images  62 s left"
        "  sent 533.0 MB, received 1,200.1 MB\r"
    )


def test_a_progress_is_not_for_files_that_people_read() -> None:
    stream = io.StringIO()
    Report("hospital", "AMSP", as_json=False, stream=stream).progress("upload", 1, 4)
    assert stream.getvalue() == ""


def test_a_progress_as_json_has_all_its_fields() -> None:
    stream = io.StringIO()
    Report("witness", "BMSP", as_json=True, stream=stream).progress("verification", 5, 10, seconds_left=1.5, sent=7)
    assert json.loads(stream.getvalue()) == {
        "event": "progress",
        "role": "witness",
        "msp": "BMSP",
        "phase": "verification",
        "done": 5,
        "total": 10,
        "seconds_left": 1.5,
        "sent": 7,
    }


def test_a_call_that_waits_for_others_is_left_behind_when_the_process_shall_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("medquorum.clients.runtime.reconcile.GRACE", 0.1)
    control, other = LoopControl(), LoopControl()
    assert control.unless_stopped(lambda: 7) == 7
    with pytest.raises(KeyError):
        control.unless_stopped(lambda: {}["absent"])
    control.stop()
    with pytest.raises(Stopped):
        control.unless_stopped(lambda: other.pause(60))
    assert left_behind()
    # Python is not taken down under it: the process leaves with the code it would have ended with.
    monkeypatch.setattr("medquorum.clients.cli.app", lambda: sys.exit(3))
    left: list[int] = []
    monkeypatch.setattr("os._exit", left.append)
    with pytest.raises(SystemExit):
        main()
    assert left == [3]
    other.stop()
    await_true(lambda: not left_behind(), 10, "the call goes on")
    with pytest.raises(SystemExit):
        main()
    assert left == [3]


def test_waiting_for_a_condition_ends_with_its_time() -> None:
    answers = iter([False, True])
    control = LoopControl()
    assert control.await_true(lambda: next(answers), 5, 0.01)
    assert not control.await_true(lambda: False, 0.02, 0.01)
    control.stop()
    with pytest.raises(Stopped):
        control.await_true(lambda: False, 5, 0.01)
