# SPDX-License-Identifier: Apache-2.0
"""A task's rule."""

from medquorum.core import canonical
from medquorum.core.rules import parse_rule

SEEDS = [
    canonical.encode(document)
    for document in (
        {"name": "none"},
        {"name": "strict"},
        {"name": "slack", "slack": 5},
        {"name": "floor", "slack": 5, "floor": 150, "floor_on": "r", "least": 50},
        {"name": "threshold", "threshold": 500},
        {"name": "prefix", "slack": 5},
        {"name": "direction"},
        {
            "name": "direction",
            "gate": 300,
            "least": 20,
            "width": 500,
            "margin": 1000,
            "cap": 4000,
            "epochs": 1,
            "batch": 64,
        },
    )
]


def run(data: bytes) -> None:
    parse_rule(canonical.decode(data))
