# SPDX-License-Identifier: Apache-2.0
"""A hospital's part from Python: its own module, data and training against the consortium's ledger.

>>> from medquorum.hospital import connect
>>> with connect("connection-hospital1.json") as hospital:
...     task = hospital.task("lungs")
...     for base in task.each_round():
...         module = my_training(base.load_into(MyNet()))
...         print(task.submit(module).wait())

torch is loaded when something needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medquorum.clients.hospital.api.checked_model import CheckedModel
from medquorum.clients.hospital.api.connection import HospitalConnection, connect
from medquorum.clients.hospital.api.submission import SubmittedUpdate, Verdict
from medquorum.clients.hospital.api.task import HospitalTask
from medquorum.clients.ledger.history import RoundSummary
from medquorum.clients.proof.basis import Proof
from medquorum.errors import TrainingError

if TYPE_CHECKING:
    from medquorum.clients.training.own.function import Context
    from medquorum.clients.training.recalibration import recalibrate

__all__ = [
    "CheckedModel",
    "Context",
    "HospitalConnection",
    "HospitalTask",
    "Proof",
    "RoundSummary",
    "SubmittedUpdate",
    "TrainingError",
    "Verdict",
    "connect",
    "recalibrate",
]


def __getattr__(name: str) -> Any:
    if name == "Context":
        from medquorum.clients.training.own.function import Context

        return Context
    if name == "recalibrate":
        from medquorum.clients.training.recalibration import recalibrate

        return recalibrate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
