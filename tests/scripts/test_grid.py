# SPDX-License-Identifier: Apache-2.0
"""Who was accepted, as a grid and a picture; what the run is held against."""

import io
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from medquorum.network.supervision.waiting import await_true
from medquorum_federation.options import Options
from medquorum_federation.processes.forking import zygote_unless
from medquorum_federation.reporting.grid import cells, console_grid, hospital_names, letters
from medquorum_federation.reporting.picture import draw, plot
from medquorum_federation.reporting.references import (
    PEACEFUL,
    UNDEFENDED,
    References,
    print_comparison,
    seconds_left,
)
from medquorum_federation.reporting.report import Report
from medquorum_federation.simulation import Simulation
from medquorum_testing.federation.reported_round import ROUND as REPORTED

ROUND = replace(
    REPORTED,
    accepted=["Hospital1MSP", "Hospital10MSP"],
    refused={"Hospital2MSP": "RULE", "Hospital3MSP": "RANGE"},
    attackers=["Hospital2MSP", "Hospital10MSP", "Hospital4MSP"],
)
OPTIONS = Options(hospitals=3, adversaries=1, rounds=1, epochs=1, limit=60)


@pytest.fixture
def report() -> Report:
    second = replace(ROUND, number=2, refused={"Hospital2MSP": "DUPLICATE"}, attackers=[])
    return Report("devnet", "mlp", "digits", {"rule": "floor"}, initial_accuracy=0.1, rounds=[ROUND, second])


def test_hospitals_come_in_their_order(report: Report) -> None:
    assert hospital_names(report) == ["Hospital1", "Hospital2", "Hospital3", "Hospital4", "Hospital10"]


def test_a_cell_tells_what_became_of_an_update(report: Report) -> None:
    first, second = cells("Hospital2", report.rounds)
    assert (first.reason, first.attacked, first.accepted) == ("RULE", True, False)
    assert (second.reason, second.attacked) == ("DUPLICATE", False)
    assert [cell.took_part for cell in cells("Hospital4", report.rounds)] == [False, False]
    assert [cell.accepted for cell in cells("Hospital10", report.rounds)] == [True, True]


def test_each_reason_has_its_own_letter(report: Report) -> None:
    found = letters(report)
    assert set(found) == {"RULE", "RANGE", "DUPLICATE"}
    assert len(set(found.values())) == 3
    assert all(letter in reason for reason, letter in found.items())


def test_the_grid_shows_attackers_and_reasons(report: Report) -> None:
    told = io.StringIO()
    Console(file=told, width=120).print(console_grid(report))
    rows = {line.split("│")[1].strip(): line for line in told.getvalue().splitlines() if "│" in line}
    of_reason = letters(report)
    assert f"{of_reason['RULE']}!" in rows["Hospital2"]
    assert of_reason["RANGE"] in rows["Hospital3"]
    assert "✓!" in rows["Hospital10"]
    assert "·!" in rows["Hospital4"]
    assert "R RULE" in told.getvalue() or "U RULE" in told.getvalue()


def test_the_picture_takes_any_number_of_rounds_and_hospitals(report: Report, tmp_path: Path) -> None:
    report.references = {UNDEFENDED: [0.1, 0.2, 0.3], PEACEFUL: [0.1, 0.6, 0.9]}
    plot(report, tmp_path / "run.png")
    plot(replace(report, rounds=[replace(ROUND, number=number) for number in range(1, 90)]), tmp_path / "long.png")
    plot(replace(report, rounds=[]), tmp_path / "empty.png")
    assert all(place.read_bytes().startswith(b"\x89PNG") for place in tmp_path.iterdir())


def test_no_legend_lies_over_a_curve_or_a_cell(report: Report) -> None:
    report.references = {UNDEFENDED: [0.1, 0.2, 0.1], PEACEFUL: [0.1, 0.05, 0.0]}
    figure = draw(report)
    figure.draw_without_rendering()
    legends = [legend.get_window_extent() for axes in figure.axes for legend in [axes.get_legend()] if legend]
    assert len(legends) == 2
    for axes in figure.axes:
        drawn = axes.get_window_extent()
        assert not any(legend.overlaps(drawn) for legend in legends)
    for legend in legends:
        assert figure.bbox.xmin <= legend.xmin < legend.xmax <= figure.bbox.xmax
        assert figure.bbox.ymin <= legend.ymin < legend.ymax <= figure.bbox.ymax


@pytest.mark.parametrize("forked", [True, False])
def test_the_references_are_those_of_the_simulation(tmp_path: Path, forked: bool) -> None:
    with zygote_unless(not forked) as zygote, References(OPTIONS, "demo", tmp_path, zygote) as references:
        found = references.curves(120)
    assert (tmp_path / "references.log").read_bytes() == b""
    undefended = OPTIONS.model_copy(update={"undefended": True})
    peaceful = undefended.model_copy(update={"without_adversaries": True})
    assert found == {
        UNDEFENDED: Simulation(undefended, "demo").run()["accuracy"],
        PEACEFUL: Simulation(peaceful, "demo").run()["accuracy"],
    }


def test_references_are_simulated_in_the_background(tmp_path: Path) -> None:
    before = children()
    with References(OPTIONS, "demo", tmp_path):
        found = children() - before
        assert len(found) == 2
        assert {os.getsid(pid) for pid in found} == found  # their share of the processors is not the run's
        await_true(lambda: {os.getpriority(os.PRIO_PROCESS, pid) for pid in found} == {19}, 60, "they do not give way")
    assert children() == before


def test_a_run_waits_a_fifth_of_its_time_at_most() -> None:
    assert seconds_left(started=100, ended=200, now=200) == pytest.approx(20)
    assert seconds_left(started=100, ended=200, now=215) == pytest.approx(5)
    assert seconds_left(started=100, ended=200, now=230) < 0


def children() -> set[int]:
    """Return the processes that this thread has started."""
    listed = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text()
    return {int(pid) for pid in listed.split()}


def test_references_that_take_too_long_are_left_out(tmp_path: Path) -> None:
    with References(OPTIONS, "demo", tmp_path) as references:
        assert references.curves(0) == {}
        assert references.curves(-1) == {}


def test_a_curve_that_is_not_there_is_named(report: Report, tmp_path: Path) -> None:
    names = References(OPTIONS, "demo", tmp_path).names
    assert names == (UNDEFENDED, PEACEFUL)
    told = io.StringIO()
    print_comparison(replace(report, references={PEACEFUL: [0.1, 0.9]}), names, Console(file=told, width=120))
    assert f"{UNDEFENDED}: no curve" in told.getvalue()
    assert f"{PEACEFUL}: no curve" not in told.getvalue()


def test_a_run_is_not_held_against_itself(tmp_path: Path) -> None:
    with References(OPTIONS.model_copy(update={"undefended": True}), "demo", tmp_path) as references:
        assert list(references.curves(120)) == [PEACEFUL]
    (tmp_path / "none").mkdir()
    with References(OPTIONS.model_copy(update={"adversaries": 0}), "demo", tmp_path / "none") as references:
        assert references.curves(120) == {}
