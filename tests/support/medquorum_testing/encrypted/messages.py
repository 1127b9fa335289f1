# SPDX-License-Identifier: Apache-2.0
"""Every message between organisations of an encrypted task, and an example of each."""

from __future__ import annotations

from typing import Any

from medquorum.clients.encrypted.aggregation.resharing import _Reached
from medquorum.clients.encrypted.party.control_messages import Next
from medquorum.core.message import Message
from medquorum.verifier.service import party_connection, salts, share_receipt, share_upload, update_masks
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.service.line.offer import LineOffer
from medquorum.verifier.session.backend_agreement import _Bandwidth
from medquorum.verifier.session.greeting import Greeting
from medquorum_testing.encrypted.small_plan import PLAN

__all__ = ["MESSAGES"]

HASH = "a" * 64
STATED = {"correct": 3, "per_class_correct": [1, 2], "per_class_total": [2, 3]}
MESSAGES: dict[type[Message], dict[str, Any]] = {
    Greeting: {
        "attempts": 1,
        "batches": [1, 1],
        "comparing": "tree",
        "dealt": 1,
        "facts": {"dataset": HASH},
        "images": True,
        "refusals": 0,
        "result": 1,
        "revealing": True,
        "share": True,
        "statement": STATED,
    },
    _Bandwidth: {"dealer": 5},
    DealRequest: {
        "task": "demo",
        "round": 1,
        "hospital": "H1MSP",
        "updates": [["H1MSP", HASH]],
        "attempt": 1,
        "party": 0,
        "plan": PLAN,
    },
    Delivery: {
        "kind": "reshare",
        "task": "demo",
        "round": 1,
        "set": HASH,
        "nodes": ["AMSP", "BMSP"],
        "masked": HASH,
        "messages": 1,
    },
    salts._Question: {"task": "demo", "round": 1},
    update_masks._Question: {"task": "demo", "round": 1, "base": HASH, "root": False},
    update_masks._Answer: {"nonce": HASH, "seeds": [HASH, HASH]},
    share_receipt._Question: {"task": "demo", "round": 1, "hospital": "H1MSP"},
    share_upload._Header: {"task": "demo", "round": 1},
    party_connection._Header: {"connection": "demo/1"},
    LineOffer: {"port": 7154, "ticket": HASH},
    Next: {"do": "verify", "hospitals": ["H1MSP"]},
    _Reached: {"set": HASH, "nodes": ["AMSP"]},
}
