# SPDX-License-Identifier: Apache-2.0
"""Grids of trainings: every cell can be run, and results of networks and simulations meet in one table and plot."""

from pathlib import Path
from typing import Any

import pytest

from medquorum_federation.experiments.comparison import curve, markdown, plot_curves, rows
from medquorum_federation.experiments.grids import GRIDS
from medquorum_federation.options import Options
from medquorum_federation.simulation import simulate


@pytest.mark.parametrize("name", GRIDS)
def test_every_cell_is_a_run(name: str) -> None:
    cells = GRIDS[name]()
    assert cells
    for cell in cells.values():
        options = Options.model_validate({key: value for key, value in cell.items() if key != "reference"})
        assert options.rule_document


def _result(*accuracies: float, **counts: int) -> dict[str, Any]:
    every = dict.fromkeys(("poisoned_accepted", "poisoned_refused", "honest_accepted", "honest_refused"), 0)
    return {"accuracy": list(accuracies), "final_accuracy": accuracies[-1]} | every | counts


def test_a_row_sums_its_seeds() -> None:
    found = {
        "a": [_result(0.1, 0.9, poisoned_refused=3, honest_accepted=7), _result(0.1, 0.8, poisoned_accepted=1)],
        "not done": [],
    }
    assert rows(found) == [("a", "90.0% 80.0%", "85.0%", "1 of 4", "0 of 7", "simulated")]
    assert "| a | 90.0% 80.0% | 85.0% |" in markdown("grid", found)


def test_a_networks_report_has_a_curve_and_seconds(tmp_path: Path) -> None:
    counts = dict.fromkeys(("poisoned_accepted", "poisoned_refused", "honest_accepted", "honest_refused"), 1)
    rounds = [{"accuracy": 0.5, "seconds": 2.0}, {"accuracy": 0.7, "seconds": 4.0}]
    report = {"initial_accuracy": 0.1, "rounds": rounds, "final_accuracy": 0.7} | counts
    assert curve(report) == [0.1, 0.5, 0.7]
    assert rows({"live": [report]})[0][-1] == "3.0"
    plot_curves("grid", {"live": [report], "simulated": [_result(0.1, 0.5, 0.7)]}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_sites_alone_learn_less_than_together() -> None:
    common = {"hospitals": 6, "adversaries": 0, "rounds": 3, "epochs": 3, "limit": 300}
    alone = simulate(Options.model_validate(common), reference="single-site")
    together = simulate(Options.model_validate(common | {"undefended": True, "mix": 0}))
    assert len(alone["accuracy"]) == len(together["accuracy"]) == 4
    assert alone["accuracy"][0] < alone["final_accuracy"] < together["final_accuracy"]
