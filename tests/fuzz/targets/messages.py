# SPDX-License-Identifier: Apache-2.0
"""Every message between organisations: greetings, requests to the dealer, headers, words between parties."""

import json

import medquorum.clients.encrypted.aggregation.resharing
import medquorum.clients.encrypted.party.control_messages  # noqa: F401  # subclasses are known once imported
from medquorum.core import canonical
from medquorum.core.message import Message
from medquorum.core.model import catalogue
from medquorum.verifier.service import update_masks  # noqa: F401  # as above
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.session.greeting import Greeting, hashed

HASH = "e" * 64
PLAN = {
    "parties": ["P0MSP", "P1MSP"],
    "model": catalogue.describe("mlp", (1, 4, 4), 2),
    "subjects": ["mixed"],
    "lambda_numerator": 1,
    "lambda_bits": 1,
    "norm": None,
    "per_class": False,
    "comparison": "tree",
    "batch": 2,
    "images": 5,
    "first_batch": 0,
    "needed": 1,
    "updates": 0,
}
EXAMPLES = [
    {"attempt": 1, "hospital": "Hospital1MSP", "party": 0, "plan": PLAN, "round": 1, "task": "demo",
     "updates": [["Hospital1MSP", HASH]]},
    Delivery(
        kind="reshare", task="demo", round=1, set=HASH, nodes=("AMSP", "BMSP"), masked=HASH, messages=2
    ).model_dump(mode="json"),
    Greeting(
        attempts=2, batches=(1, 2), comparing="fss", dealt=2, facts=hashed({"a": 1}), images=True, refusals=0, result=2,
        revealing=True, share=True, statement=None,
    ).model_dump(mode="json"),
    {"do": "verify", "hospitals": ["Hospital1MSP"]},
    {"task": "demo", "round": 1},
    {"task": "demo", "round": 1, "hospital": "Hospital1MSP"},
    {"task": "demo", "round": 1, "base": HASH},
    {"nonce": HASH},
    {"connection": "demo/1/Hospital1MSP"},
    {"set": HASH, "nodes": ["AMSP", "BMSP"]},
]  # fmt: skip


def kinds(base: type[Message] = Message) -> dict[str, type[Message]]:
    found = {}
    for one in base.__subclasses__():
        found |= {one.__name__: one} | kinds(one)
    return found


KINDS = kinds()
SEEDS = [canonical.encode({"kind": kind, "raw": json.dumps(one)}) for kind in sorted(KINDS) for one in EXAMPLES]


def run(data: bytes) -> None:
    document = canonical.decode(data)
    if isinstance(document, dict) and isinstance(raw := document.get("raw"), str):
        kind = KINDS.get(str(document.get("kind")))
        if kind is not None:
            message = kind.decode(raw.encode())
            if kind.decode(message.encode()) != message:
                raise AssertionError("what was read cannot be sent")
