# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from medquorum.clients.auditor.command import listed
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.core.documents.update import Update


def test_a_round_lists_who_took_part_then() -> None:
    """Hospital2 was expelled after it had handed in; Hospital3 joined later and takes no part."""
    update = Update(task="demo", round=1, hospital="Hospital2MSP", base="0" * 64, layout="1" * 64, chunks=["2" * 64])
    status = RoundStatus(None, updates={"Hospital2MSP": update})
    assert listed(["Hospital4MSP", "Hospital1MSP"], status) == ["Hospital1MSP", "Hospital2MSP", "Hospital4MSP"]
