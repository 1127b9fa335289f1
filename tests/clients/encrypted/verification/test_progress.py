# SPDX-License-Identifier: Apache-2.0
"""What a party says while it verifies an update: images, seconds left, bytes; as JSON and on a terminal."""

from __future__ import annotations

import itertools
import json

import pytest

from medquorum.clients.runtime.report import Pace, Report
from medquorum_testing.ledger.aggregation_rig import PARTIES, Make
from medquorum_testing.ledger.consortium_ledger import HOSPITALS
from medquorum_testing.terminals import ERASE, terminal


def test_a_verification_says_how_far_it_is(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    # A second passes between two reports.
    monkeypatch.setattr(
        "medquorum.clients.encrypted.verification.update_verification.Pace", lambda: Pace(itertools.count().__next__)
    )
    rig = make(batch=10, rule={"name": "strict"})
    rig.verify(HOSPITALS[:1])
    events = [json.loads(line) for line in rig.told.getvalue().splitlines()]
    told = [[one for one in events if one["event"] == "progress" and one["msp"] == party] for party in PARTIES]
    for reports in told:
        assert {(one["phase"], one["hospital"], one["round"], one["total"]) for one in reports} == {
            ("verification", HOSPITALS[0], 1, 40)
        }
        assert [one["done"] for one in reports] == [0, 0, 10, 20, 30, 40]
        assert [one.get("seconds_left") for one in reports] == [None, None, 3.0, 2.0, 1.0, 0.0]
        assert ["seconds_left" in one for one in reports] == [False, False, True, True, True, True]
        for name in ("sent", "received"):
            amounts = [one[name] for one in reports]
            assert amounts == sorted(amounts)
            assert amounts[0] < amounts[1] < amounts[2], "more bytes with the model too, before the first batch"
            assert amounts[3] < amounts[4], "two batches take turns"
    first, second = told
    ends = slice(1, None, 2)  # after the model and after each two batches nothing is on its way
    assert [one["sent"] for one in first[ends]] == [one["received"] for one in second[ends]]
    stream = terminal(monkeypatch, 120)
    report = Report("verifier", PARTIES[0], as_json=False, stream=stream)
    for one in first:
        report.progress(unit="images", **{name: one[name] for name in one if name not in ("event", "role", "msp")})
    lines = stream.getvalue().replace(ERASE, "").split("\r")
    bytes_ = [f"sent {one['sent'] / 1e6:.1f} MB, received {one['received'] / 1e6:.1f} MB" for one in first]
    name = f"verification {HOSPITALS[0]}"
    assert lines[0] == f"{name}  [--------------------]  0/40 images  {bytes_[0]}"
    assert lines[2] == f"{name}  [#####---------------]  10/40 images  3 s left  {bytes_[2]}"
    assert lines[5] == f"{name}  [####################]  40/40 images  0 s left  {bytes_[5]}\n"
