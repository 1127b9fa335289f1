# SPDX-License-Identifier: Apache-2.0
"""A new task: its document, and its initial model in the store."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.report import Report
from medquorum.core import canonical
from medquorum.core import model as modelformat
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.encrypted import LEAST_IN_A_SUM
from medquorum.core.fixedpoint import FRACTION_BITS

__all__ = ["DROPS", "LARGEST_PUBLIC", "store_model", "task_document", "usual_rule", "usual_tolerance"]

LARGEST_PUBLIC = modelformat.CHUNK_BYTES
"""Bytes of the largest model that is kept in public state, where orderers see it too."""
NEVER_WORSE, ANY = 20, 1000
DROPS = 4
"""Updates that ``direction`` drops at most in a round, where a plain task does not say."""
PARALLEL = {"public": 5, "private": 2}
"""Chunks under way: measured on two cores, where four private ones are slower by an eighth."""


def usual_tolerance(rule: Mapping[str, Any]) -> int:
    """Return the thousandths of the set by which a new model may be worse, where a task does not say.

    Without a rule there is nothing that a worse model would contradict; ``direction`` and ``weighted`` have measures of
    their own.
    """
    return ANY if rule.get("name") in ("none", "direction", "weighted") else NEVER_WORSE


def usual_rule(rule: Mapping[str, Any], *, encrypted: bool) -> dict[str, Any]:
    """Return a rule with what a new task adds: drops, under ``direction`` on updates in clear.

    The ledger's own default is none, for the tasks that were there before.
    """
    drops = rule.get("name") == "direction" and not encrypted
    return ({"drops": DROPS} if drops else {}) | dict(rule)


def task_document(
    consortium: Consortium, coordinator: str, model: Mapping[str, Any], packed: bytes, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the document for CreateTask.

    Parameters
    ----------
    model
        The model description.
    chosen
        Fields that differ from the defaults: all verifiers and hospitals of the consortium, its quorum, λ = 1/2, the
        rule of [VU], counts disclosed.
    """
    layout = modelformat.layout_hash(modelformat.parse(model))
    encrypted = chosen.get("verification") == "encrypted"
    rule = usual_rule(chosen.get("rule", {"name": "strict"}), encrypted=encrypted)
    defaults = {
        "model": dict(model),
        "initial_model": modelformat.model_hash(layout, modelformat.chunk_hashes(packed)),
        "lambda_numerator": 1,
        "lambda_bits": 1,
        "rule": rule,
        "disclosure": "count",
        "fraction_bits": FRACTION_BITS,
        "coordinator": coordinator,
        "standby": None,
        "verifiers": consortium.having("verifier"),
        "hospitals": consortium.having("hospital"),
        "quorum": consortium.quorum,
        "minimum_accepted": LEAST_IN_A_SUM if encrypted else 1,
        "model_tolerance": usual_tolerance(rule),
        "verification": "plain",
        "model_store": "public" if len(packed) <= LARGEST_PUBLIC else "private",
        "keep_updates": False,
    }
    if encrypted:
        defaults["encrypted"] = {"comparison": "auto"} | chosen.get("encrypted", {})
        chosen = {name: value for name, value in chosen.items() if name != "encrypted"}
    return defaults | dict(chosen) | {"rule": rule}


def store_model(
    ledger: Ledger, transactions: Transactions, layout: str, packed: bytes, store: str, report: Report
) -> str:
    """Store the chunks of a packed model that are not on the ledger yet; return its hash.

    An upload that was cut off goes on where it ended; chunks that any model has in the store are not sent again.
    """
    chunks, hashes = modelformat.split(packed), modelformat.chunk_hashes(packed)
    manifest = {"layout": layout, "length": len(packed), "chunks": hashes}

    def put(index: int) -> None:
        transactions.submit("PutModelChunk", manifest, index, store, chunk=modelformat.stored_form(chunks[index]))

    begun, missing = _missing(ledger, manifest, store)
    if not begun:
        # The first to come writes the manifest and takes over the chunks of other models: alone, lest others conflict.
        # The last chunk of a model is the shortest.
        put(missing[-1] if missing else len(chunks) - 1)
        _, missing = _missing(ledger, manifest, store)
    with ThreadPoolExecutor(PARALLEL[store]) as pool:
        for done, _ in enumerate(pool.map(put, missing), start=len(chunks) - len(missing) + 1):
            report.progress("store model", done, len(chunks))
    return modelformat.model_hash(layout, hashes)


def _missing(ledger: Ledger, manifest: Mapping[str, Any], store: str) -> tuple[bool, list[int]]:
    """Ask whether a model's upload has begun, and for the chunks that have to be sent."""
    answer = ledger.value("ReadStoredChunks", canonical.encode(manifest).decode(), store)
    return answer["begun"], [index for index in range(len(manifest["chunks"])) if index not in answer["stored"]]
