# SPDX-License-Identifier: Apache-2.0
"""Least squares over public weights and models: what they recover of updates that are known, and of a training's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medquorum_benchmarks.verification.disaggregation import Watched, best

HOSPITALS, PARAMETERS = 10, 400


def watched(rounds: int, *, noise: float, spread: float) -> Watched:
    """Return rounds of updates that differ by ``noise`` from round to round, of weights that differ by ``spread``."""
    random = np.random.default_rng(4)
    common, own = random.normal(size=PARAMETERS), random.normal(size=(HOSPITALS, PARAMETERS))
    steps = common + own + noise * random.normal(size=(rounds, HOSPITALS, PARAMETERS))
    weights = (1 + spread * random.uniform(-1, 1, (rounds, HOSPITALS))) / HOSPITALS
    return Watched(weights, np.einsum("th,thp->tp", weights, steps), steps)


def own(found: Watched) -> float:
    return float(np.mean([one.own for one in best(found)]))


def test_steps_that_stay_the_same_are_recovered_where_weights_differ() -> None:
    assert own(watched(12, noise=0, spread=1)) > 0.9
    assert own(watched(40, noise=0, spread=1)) > 0.99


def test_equal_weights_tell_nothing_of_one_hospital() -> None:
    assert abs(own(watched(12, noise=0, spread=0))) < 0.1


def test_more_rounds_tell_more_and_noise_tells_less() -> None:
    few, many = (own(watched(rounds, noise=2, spread=1)) for rounds in (10, 200))
    assert few < 0.4 < many


@pytest.mark.slow
def test_the_recovered_cosines_of_a_training_are_printed_by_hospital(tmp_path: Path) -> None:
    place = tmp_path / "found.json"
    command = [sys.executable, "-m", "medquorum_benchmarks.verification.disaggregation", "--json", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hospital10" in done.stdout
    rows = json.loads(place.read_text())["hospitals"]
    assert len(rows) == 10 and all(-1 <= row["own"] < 0.5 for row in rows)
