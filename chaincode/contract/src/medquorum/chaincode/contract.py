# SPDX-License-Identifier: Apache-2.0
"""The Medquorum contract: finds the transaction a proposal names and runs it."""

from __future__ import annotations

from medquorum.chaincode.context import Context
from medquorum.chaincode.dispatch import collect
from medquorum.chaincode.metadata import NAME, describe
from medquorum.chaincode.node import Node
from medquorum.chaincode.transactions import (
    aggregate,
    attestation,
    conclusion,
    consortium,
    history,
    models,
    retention,
    root,
    round,
    status,
    task,
    update,
    verdict,
)
from medquorum.chaincode.transactions import (
    task_members as taskmembers,
)
from medquorum.chaincode.transactions.encrypted import masks
from medquorum.chaincode.transactions.encrypted import whole_round as wholeround
from medquorum.core import canonical
from medquorum.errors import ContractError, DataError, MedquorumError, ModelError
from medquorum.shim import ChaincodeError, PeerError, Response, Stub, error, success

__all__ = ["Contract"]

METADATA = "org.hyperledger.fabric:GetMetadata"
MODULES = (
    aggregate,
    attestation,
    conclusion,
    consortium,
    history,
    masks,
    models,
    retention,
    root,
    round,
    status,
    task,
    taskmembers,
    update,
    verdict,
    wholeround,
)


class Contract:
    """One organisation's instance of the contract (a ``medquorum.shim.interface.Chaincode``)."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._transactions = collect(MODULES)
        self._metadata = canonical.encode(describe(self._transactions))

    def invoke(self, stub: Stub) -> Response:
        """Simulate one transaction; a refusal's text is ``CODE: cause. remedy``."""
        function, *arguments = list(stub.get_args()) or [b""]
        name = function.decode(errors="replace")
        if name == METADATA:
            return success(self._metadata)
        transaction = self._transactions.get(name.removeprefix(f"{NAME}:"))
        if transaction is None:
            return error(f"You've asked to invoke a function that does not exist: {name:.100}")
        try:
            context = Context(stub, self._node, read_only=transaction.read_only)
            return success(transaction(context, arguments))
        except (ContractError, ChaincodeError) as refusal:
            return error(str(refusal))
        except PeerError as refusal:
            return error(f"PEER: {refusal}")
        except MedquorumError as refusal:
            return error(f"{_code(refusal)}: {refusal}")


def _code(refusal: MedquorumError) -> str:
    """Name a refusal that comes from below the contract: a model, a verification set or the peer."""
    if isinstance(refusal, ModelError):
        return "BAD_MODEL"
    return "DATASET" if isinstance(refusal, DataError) else "PEER"
