# SPDX-License-Identifier: Apache-2.0
"""Who does what in a run's network, and the fields of its task that say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .options import Options

__all__ = ["BATCH", "COORDINATOR", "DEALER", "FIRST_VERIFIER", "VERIFIERS", "more_nodes", "task_settings"]

VERIFIERS = ("verifiera", "verifierb")
FIRST_VERIFIER = VERIFIERS[0]
COORDINATOR = "coordinator"
"""An organisation of its own: it chooses when a set is fixed, so it is neither party nor aggregation node."""
DEALER = "dealer"
BATCH = {"mlp": 500, "lenet": 128, "resnet18": 32}
"""Images evaluated together under encryption: measured, docs/results/encrypted.md."""


def more_nodes(options: Options) -> list[str]:
    """Return the hospitals that are aggregation nodes beside the parties."""
    return [f"hospital{number}" for number in range(1, options.nodes - 1)]


def task_settings(
    options: Options, channels: int, msp_id: Callable[[str], str], service: Callable[[str], str]
) -> dict[str, Any]:
    """Return the task's further fields: disclosure, and who verifies where under encryption.

    Parameters
    ----------
    channels
        Of an image.
    msp_id
        Returns the MSP id of an organisation.
    service
        Returns the address of an organisation's service.
    """
    fields: dict[str, Any] = {"disclosure": options.disclosure}
    if options.verification == "plain":
        return fields
    parties = [msp_id(verifier) for verifier in VERIFIERS]
    more = more_nodes(options)
    encrypted = {
        "parties": parties,
        "dealer": msp_id(DEALER),
        "aggregators": [*parties, *(msp_id(node) for node in more)],
        "services": {msp_id(name): service(name) for name in (*VERIFIERS, DEALER, *more)},
        "comparison": options.comparison,
        "batch": BATCH[options.model],
        "grayscale": channels == 1,
        "placement": options.placement,
    }
    return fields | {
        "verification": "encrypted",
        "minimum_accepted": options.minimum_accepted,
        "encrypted": encrypted,
    }
