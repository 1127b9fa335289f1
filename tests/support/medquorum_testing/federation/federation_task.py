# SPDX-License-Identifier: Apache-2.0
"""What a federation of fault tests works on: digits, a tiny network, and a rule that accepts every update in range."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from medquorum.clients.admin.dataset import verification_set
from medquorum.clients.admin.tasks import store_model, task_document
from medquorum.clients.data.images import write_shard
from medquorum.clients.data.sources import load
from medquorum.clients.data.split import deal
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.report import Report
from medquorum.clients.training.initial import drawn_model
from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.model import catalogue
from medquorum.errors import ContractError
from medquorum.network.consortium.consortium import Consortium

COORDINATOR, STANDBY = "Coordinator", "Standby"
ROUNDS = 1000
HIDDEN = 16
IMAGES = 100
JUDGED = 40
BATCH = 2
"""Images evaluated together under encryption: few, so that there is a middle to be killed in."""


def deal_digits(folder: Path, hospitals: list[str]) -> VerificationSet:
    """Write ``HOSPITAL.npz`` for each; return the verification set."""
    dealt = deal(load("digits"), len(hospitals), limit=IMAGES * len(hospitals), verification=JUDGED)
    for hospital, shard in zip(hospitals, dealt.shards, strict=True):
        write_shard(folder / f"{hospital}.npz", shard)
    return verification_set(dealt.verification)


def found_consortium(consortium: Consortium, transactions: Transactions) -> None:
    """Write the ledger's consortium unless another task's federation has."""
    members = {one.msp_id: list(one.roles) for one in consortium.organisations}
    try:
        transactions.submit("InitConsortium", {"quorum": consortium.quorum, "members": members})
    except ContractError as error:
        if error.code != "CONSORTIUM_EXISTS":
            raise


def encrypted_fields(consortium: Consortium, placement: str = "outsourced", comparison: str = "auto") -> dict[str, Any]:
    """Return the fields of a task that two verifiers judge on shares, with a dealer; a hospital is the third node."""
    parties, (dealer,) = consortium.having("verifier"), consortium.having("dealer")
    node = consortium.having("hospital")[0]
    services = {one.msp_id: one.service.address for one in (*parties, dealer, node) if one.service}
    return {
        "verification": "encrypted",
        "encrypted": {
            "parties": [one.msp_id for one in parties],
            "dealer": dealer.msp_id,
            "aggregators": [*(one.msp_id for one in parties), node.msp_id],
            "services": services,
            "comparison": comparison,
            "batch": BATCH,
            "grayscale": True,
            "placement": placement,
        },
    }


def create_task(
    name: str,
    images: VerificationSet,
    ledger: Ledger,
    transactions: Transactions,
    standby: str,
    more: dict[str, Any],
    hidden: int = HIDDEN,
    model: tuple[dict[str, Any], bytes] | None = None,
) -> None:
    """Store the initial model and create the task; the ledger's organisation coordinates it.

    ``model`` is its description and first parameters; a small one for digits unless given.
    """
    if model is None:
        digits = catalogue.mlp((1, 8, 8), 10, hidden=hidden)
        model = digits, drawn_model(modelformat.parse(digits), 0)
    document, packed = model
    description = modelformat.parse(document)
    chosen: dict[str, Any] = {
        "task": name,
        "dataset": images.commitment(),
        "dataset_size": len(images.images),
        "rounds": ROUNDS,
        "rule": {"name": "slack", "slack": 1000},
        "model_tolerance": 1000,
        "standby": standby,
    } | more
    whole = task_document(ledger.consortium(), ledger.msp, document, packed, chosen)
    quiet = Report("admin", ledger.msp, as_json=True, stream=io.StringIO())
    store_model(ledger, transactions, modelformat.layout_hash(description), packed, whole["model_store"], quiet)
    transactions.submit("CreateTask", whole)
