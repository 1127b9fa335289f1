# SPDX-License-Identifier: Apache-2.0
"""Every version of a document, as the peer says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from medquorum.clients.ledger.ledger import Ledger

__all__ = ["Version", "history"]

Version = dict[str, Any]


def history(ledger: Ledger, kind: str, attributes: Sequence[str | int]) -> list[Version]:
    """Read every version of a document, newest first."""
    return list(ledger.value("ReadHistory", kind, json.dumps(attributes)))
