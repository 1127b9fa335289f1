# SPDX-License-Identifier: Apache-2.0
"""Fifty kills and hang-ups of either party at any message: each update reveals one result (``scripts/bench kills``)."""

from __future__ import annotations

from pathlib import Path

from medquorum.verifier.session.session import OpenedResult
from medquorum_testing.encrypted.kills import KILLS, trials
from medquorum_testing.encrypted.one_session import CASE, correct

SEED = 12


def test_each_update_reveals_exactly_one_result(tmp_path: Path) -> None:
    for seen in trials(tmp_path, 50 // KILLS, SEED):
        first, second = seen.ended
        assert isinstance(first, OpenedResult)
        assert first == second
        assert first.refusal is None
        assert (first.holds, first.counts) in ((True, ()), (True, (correct(CASE.flat()),)))
        assert seen.results == 1
