# SPDX-License-Identifier: Apache-2.0
"""A model of any round, fetched through the own peer and refused unless every check of it passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from chaincode import modelformat
from chaincode.contract.models import Model
from chaincode.contract.roundstate import Round
from chaincode.contract.task import Task
from chaincode.fixedpoint import FRACTION_BITS
from clients.auditor.authorities import Authorities
from clients.auditor.evidence import Claim, Endorsers, Evidence, check_claims
from clients.documents import result_of
from clients.gateway.network import Network
from clients.hospital.use import model_of_round
from clients.ledger import Ledger
from clients.models import check_round
from medquorum import CheckFailed

__all__ = ["Fetched", "fetch_proven", "write_model"]


@dataclass(frozen=True)
class Fetched:
    """A model that passed: its hash, packed parameters (int32 little-endian), and what shows that it is the ledger's.

    ``round`` is the round that made it, 0 for a model the task did not make.
    """

    model: str
    round: int
    packed: bytes = field(repr=False)
    evidence: list[Evidence]


def fetch_proven(
    network: Network, ledger: Ledger, chaincode: str, task: Task, number: int | None, authorities: Authorities
) -> Fetched:
    """Fetch the model a round ended with; 0 is the initial one, None the latest.

    Checked in this order: chunks and manifest against the model's hash, the round's base and attestations, then in the
    blocks that hold them task, manifest, round and attestations, with the verifiers' signatures over their bytes.

    Raises
    ------
    CheckFailed
        ``check`` names the first check that failed.
    ContractError
        There is no such round, or ``MODEL_PURGED``: the task keeps no version as old as that.
    """
    model, packed = model_of_round(ledger, task, number)
    manifest = ledger.manifest(model)
    consortium = ledger.consortium()
    founding = Endorsers(sorted({*consortium.having("verifier"), *task.verifiers}), consortium.quorum, authorities)
    own = Endorsers(task.verifiers, task.quorum, authorities)
    evidence = check_claims(network, ledger, chaincode, [Claim("task", task)], founding)
    if manifest.task != task.task:
        evidence += check_claims(network, ledger, chaincode, [Claim("manifest", manifest)], founding)
        return Fetched(model, 0, packed, evidence)
    made = _maker(ledger, task, manifest)
    claims = [Claim("manifest", manifest), Claim("round", made)]
    claims += [
        Claim("attestation", aggregate)
        for aggregate in ledger.status(task.task, made.round).aggregates.values()
        if aggregate.model == model
    ]
    return Fetched(model, made.round, packed, evidence + check_claims(network, ledger, chaincode, claims, own))


def write_model(path: Path, task: Task, fetched: Fetched) -> None:
    """Write a model as safetensors: float64 tensors by the layout's names, exactly the ledger's integers / 2^16."""
    description = modelformat.parse(task.model)
    tensors = {
        name: np.ldexp(values.astype(np.float64), -FRACTION_BITS)
        for name, values in modelformat.unpack(description, fetched.packed).items()
    }
    about = {"task": task.task, "round": str(fetched.round), "model": fetched.model, "layout": task.layout}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    save_file(tensors, new, metadata=about)
    os.replace(new, path)


def _maker(ledger: Ledger, task: Task, manifest: Model) -> Round:
    """Give the round that made a model, checked: an asked one may have kept its base."""
    made = ledger.round(task.task, manifest.round)
    check_round(ledger, task, made)
    if result_of(made) != manifest.model or made.accepted != manifest.accepted or made.base != manifest.parent:
        raise CheckFailed(
            f"the manifest of model {manifest.model} names round {made.round}, which ended with {result_of(made)}",
            "Do not use it: compare with another organisation's peer",
            check="manifest",
        )
    return made
