# SPDX-License-Identifier: Apache-2.0
"""An administrator's part from Python: a task for a module of one's own.

>>> from medquorum.admin import connect, describe
>>> document = describe(MyNet(), torch.zeros(1, 1, 28, 28))
>>> with connect("connection-coordinator.json") as admin:
...     admin.create_task("lungs", document, initial=MyNet(), dataset=commitment, dataset_size=270)

torch is loaded when something needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medquorum.clients.admin.api import AdminConnection, connect, verification_set
from medquorum.clients.admin.dataset import describe as describe_dataset
from medquorum.clients.importer.document import ModelCost, ModelDocument

if TYPE_CHECKING:
    from medquorum.clients.importer.describe import Classes, Labels, Logit, Numbers, Pixels, describe

__all__ = [
    "AdminConnection",
    "Classes",
    "Labels",
    "Logit",
    "ModelCost",
    "ModelDocument",
    "Numbers",
    "Pixels",
    "connect",
    "describe",
    "describe_dataset",
    "verification_set",
]


def __getattr__(name: str) -> Any:
    if name not in ("Classes", "Labels", "Logit", "Numbers", "Pixels", "describe"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from medquorum.clients.importer import describe as needs_torch

    return getattr(needs_torch, name)
