# SPDX-License-Identifier: Apache-2.0
"""Graphs on the ledger: an encrypted round gives the verdicts and the model of a plain one, bit for bit."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from medquorum_testing.federation.graph_federation import GraphFederation
from medquorum_testing.inference.tiny_graphs import (
    classes,
    conv,
    dense,
    fixed,
    graph,
    layer,
    norm,
    pool,
    table,
)
from medquorum_testing.network.networks import RunningNetwork

TABULAR = graph(
    "tabular",
    fixed((13, 1, 1)),
    {"kind": "logit", "threshold": 0},
    [
        layer("flatten", "f", "input"),
        dense("a", "f", 13, 16, bias=False),
        norm("n", "a", 16),
        layer("leakyrelu", "r", "n", slope=6554),
        dense("b", "r", 16, 1),
    ],
)
SIGNAL = graph(
    "signal",
    fixed((2, 1, 60), "int16", 1 << 29),
    {"kind": "labels", "thresholds": [0, 0, 0]},
    [
        conv("c0", "input", 2, 8, (1, 7), stride=[1, 2], padding=[0, 3]),
        norm("n0", "c0", 8),
        layer("relu", "r0", "n0"),
        pool("maxpool", "p", "r0", (1, 3), (1, 2), (0, 1), ceil=True),
        conv("c1", "p", 8, 8, (1, 3), dilation=[1, 2], padding=[0, 2], groups=2),
        norm("n1", "c1", 8),
        layer("add", "s", "n1", "p"),
        layer("relu6", "r1", "s"),
        layer("adaptiveavgpool", "g", "r1", size=[1, 2]),
        layer("flatten", "f", "g"),
        dense("d", "f", 16, 3),
    ],
)
DENSE = graph(
    "densenet",
    table((3, 8, 8)),
    classes(4),
    [
        conv("c0", "input", 3, 6, (3, 3), padding=[1, 1]),
        norm("n1", "c0", 6),
        layer("relu", "r1", "n1"),
        conv("c1", "r1", 6, 4, (3, 3), padding=[1, 1]),
        layer("concat", "k1", "c0", "c1"),
        norm("n2", "k1", 10),
        layer("relu", "r2", "n2"),
        conv("c2", "r2", 10, 4, (3, 3), padding=[1, 1]),
        layer("concat", "k2", "k1", "c2"),
        norm("n3", "k2", 14),
        layer("relu", "r3", "n3"),
        pool("avgpool", "p", "r3", (2, 2)),
        layer("adaptiveavgpool", "g", "p", size=[1, 1]),
        layer("flatten", "f", "g"),
        dense("d", "f", 14, 4),
    ],
)
RULES: dict[str, dict[str, Any]] = {
    "tabular": {"name": "weighted", "slack": 200, "weights": [3, 2]},
    "signal": {"name": "floor", "slack": 200, "floor": 500},
    "densenet": {"name": "slack", "slack": 200},
}
LEAST = 3


@pytest.mark.parametrize("document", [TABULAR, SIGNAL, DENSE], ids=RULES)
def test_verdicts_and_model_are_those_of_a_plain_task(
    running: RunningNetwork, tmp_path: Path, document: dict[str, Any]
) -> None:
    rule = RULES[document["name"]]
    played = []
    for encrypted in (False, True):
        name = f"{document['name']}{int(encrypted)}"
        options = {"rule": rule, "minimum_accepted": LEAST, "disclosure": "count"}
        made = GraphFederation(running, tmp_path / name, name, document, encrypted=encrypted, **options)
        with closing(made):
            played.append(made.play())
    (plain, model), (hidden, same) = played
    assert model == same
    assert hidden == plain
    assert [plain[one].accepted for one in made.hospitals] == [True, True, True, False]
