# SPDX-License-Identifier: Apache-2.0
"""The closing report: object, table, plot, live lines."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from medquorum_federation.reporting.live import LiveView
from medquorum_federation.reporting.picture import plot
from medquorum_federation.reporting.report import Report, print_report
from medquorum_testing.federation.reported_round import ROUND


@pytest.fixture
def report() -> Report:
    return Report("devnet", "mlp", "digits", {"seed": 0}, initial_accuracy=0.1, rounds=[ROUND, ROUND])


def test_the_object_sums_the_rounds(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "new" / "report.json")
    written = json.loads((tmp_path / "new" / "report.json").read_text())
    assert (written["poisoned_accepted"], written["poisoned_refused"]) == (0, 2)
    assert (written["honest_accepted"], written["honest_refused"]) == (2, 2)
    assert written["final_accuracy"] == 0.5
    assert {"network", "model", "data", "rounds", "seconds", "ledger_bytes", "model_hash"} <= set(written)
    assert {"install", "network_up", "training", "verification", "ledger", "total"} == set(written["seconds"])


def test_without_a_round_the_initial_model_is_the_result() -> None:
    assert Report("devnet", "mlp", "digits", {}, initial_accuracy=0.1).as_dict()["final_accuracy"] == 0.1


def test_the_table_shows_every_round(report: Report) -> None:
    told = io.StringIO()
    print_report(report, Console(file=told, width=120))
    assert "50.0%" in told.getvalue()
    assert "honest refused" in told.getvalue()


def test_the_plot_is_a_picture(report: Report, tmp_path: Path) -> None:
    plot(report, tmp_path / "accuracy.png")
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")


def a_round(view: LiveView) -> None:
    """Let a view hear of one round, in which one of three hospitals is refused."""
    for number in (1, 2, 3):
        view.take(f"hospital{number}", {"event": "submitted", "round": 1})
    view.take("coordinator", {"event": "submissions_closed", "round": 1})
    verdicts = {"accepted": ["Hospital1MSP", "Hospital3MSP"], "refused": {"Hospital2MSP": "RULE"}}
    view.take("coordinator", {"event": "verdicts_closed", "round": 1, **verdicts})
    view.take("coordinator", {"event": "round_closed", "round": 1, "reason": None, **verdicts})
    view.take("hospital1", {"event": "global_model", "round": 1, "accuracy": 0.75})
    view.take("hospital1", {"event": "global_model", "round": 1, "accuracy": 0.75})
    view.take("hospital1", {"event": "started", "task": "demo"})


def test_a_round_is_one_plain_line_where_there_is_no_terminal() -> None:
    told = io.StringIO()
    with LiveView(Console(file=told, width=200), 3, 2, {1: frozenset({2}), 2: frozenset()}) as view:
        a_round(view)
    line = "round 1/2: submitted 3/3, closed, accepted 2, refused 1 (Hospital2: RULE), accuracy 75.0%"
    assert told.getvalue().splitlines() == [line]


def test_a_round_is_one_line_of_the_table_on_a_terminal() -> None:
    told = io.StringIO()
    console = Console(file=told, width=200, force_terminal=True, color_system=None)
    with LiveView(console, 3, 2, {1: frozenset({2}), 2: frozenset()}) as view:
        a_round(view)
    shown = told.getvalue().rpartition("submitted")[2]
    assert shown.count("1/2") == 1
    assert "1 (Hospital2: RULE)" in shown


def test_hospitals_refused_for_the_same_reason_stand_together() -> None:
    told = io.StringIO()
    with LiveView(Console(file=told, width=200), 4, 1, {1: frozenset()}) as view:
        refused = {"Hospital1MSP": "FLOOR", "Hospital2MSP": "NORM", "Hospital4MSP": "FLOOR"}
        closed = {"accepted": ["Hospital3MSP"], "refused": refused, "reason": None}
        view.take("coordinator", {"event": "round_closed", "round": 1, **closed})
        view.take("hospital1", {"event": "global_model", "round": 1, "accuracy": 0.5})
    assert "refused 3 (Hospital1, Hospital4: FLOOR; Hospital2: NORM)" in told.getvalue()
