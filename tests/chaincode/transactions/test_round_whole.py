# SPDX-License-Identifier: Apache-2.0
"""Whole rounds: from the initial model to a new one that every hospital can check."""

from __future__ import annotations

import hashlib

from medquorum.core import model as modelformat
from medquorum.core.aggregate import aggregate
from medquorum_testing.ledger.consortium_ledger import HOSPITALS, A, Consortium


def test_two_rounds(demo: Consortium) -> None:
    good = {hospital: demo.good_update(i) for i, hospital in enumerate(HOSPITALS[:2])}
    first = demo.play(1, good | {HOSPITALS[2]: demo.good_update(9, shift=1)})
    assert first["state"] == "closed"
    assert first["accepted"] == HOSPITALS[:2]
    assert first["outcomes"] == {HOSPITALS[0]: "accepted", HOSPITALS[1]: "accepted", HOSPITALS[2]: "refused"}
    manifest = demo.read(HOSPITALS[0], "ReadModel", first["model"])
    assert manifest["parent"] == first["base"]
    assert manifest["accepted"] == HOSPITALS[:2]
    chunk = demo.chunk(HOSPITALS[0], first["model"])
    assert hashlib.sha256(chunk).hexdigest() == manifest["chunks"][0]
    expected = aggregate(
        demo.description,
        modelformat.unpack(demo.description, demo.model()),
        [modelformat.unpack(demo.description, packed) for packed in good.values()],
        lambda_numerator=1,
        lambda_bits=1,
    )
    assert chunk == modelformat.pack(demo.description, expected)
    assert demo.read(A, "ReadCurrentRound", "demo")["round"] == 1
    second = demo.play(2, {HOSPITALS[0]: demo.good_update(5)})
    assert second["base"] == first["model"]
    assert second["state"] == "closed"
    scores = demo.read(A, "ReadScores", "demo")
    assert scores[HOSPITALS[2]]["refused"] == 1
    assert scores[HOSPITALS[1]]["quality"] > 0
