# SPDX-License-Identifier: Apache-2.0
"""The contract's metadata, as Fabric's contract-schema.json describes it, answered by GetMetadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medquorum.chaincode.dispatch import Transaction
from medquorum.errors import __version__

__all__ = ["NAME", "describe"]

NAME = "medquorum"
SCHEMA = "https://hyperledger.github.io/fabric-chaincode-node/main/api/contract-schema.json"


def describe(transactions: Mapping[str, Transaction]) -> dict[str, Any]:
    """Describe all transactions: name, tag (SUBMIT or EVALUATE), parameters and result."""
    info = {
        "title": "Medquorum",
        "version": __version__,
        "description": "Federated learning in which verifiers judge every update",
        "license": {"name": "Apache-2.0"},
    }
    contract = {
        "name": NAME,
        "info": info,
        "contractInstance": {"name": NAME, "default": True},
        "transactions": [_transaction(transaction) for transaction in transactions.values()],
    }
    return {"$schema": SCHEMA, "info": info, "contracts": {NAME: contract}, "components": {"schemas": {}}}


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "name": transaction.name,
        "tag": ["EVALUATE"] if transaction.read_only else ["SUBMIT", "submitTx"],
        "parameters": [
            {"name": name, "required": True, "schema": dict(argument.schema)}
            for name, argument in transaction.arguments.items()
        ],
        "returns": {"type": "string", "description": transaction.description},
    }
