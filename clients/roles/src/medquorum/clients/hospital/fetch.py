# SPDX-License-Identifier: Apache-2.0
"""A model of any round, fetched through the own peer and refused unless every check of it passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import check_round, fetch_model
from medquorum.clients.ledger.round_status import result_of
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Claim, Evidence, check_claims
from medquorum.clients.proof.trust_root import endorser_history
from medquorum.core import model as modelformat
from medquorum.core.documents.aggregation.aggregate import required
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.errors import CheckFailed

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


def fetch_proven(chain: Chain, ledger: Ledger, task: Task, round_number: int | None, root: Endorsers) -> Fetched:
    """Fetch the model a round ended with; 0 is the initial one, None the latest.

    Checked in this order: the rounds' bases and attestations, manifest and chunks against the model's hash, then the
    blocks that hold consortium, task, manifest, rounds and attestations, with the orderers' signatures on them and the
    verifiers' over the documents' bytes. Rounds are the asked one and, where it kept its base, those before it down to
    the one that made the model.

    Parameters
    ----------
    root
        Who is believed in the end: nobody the peer names.

    Raises
    ------
    CheckFailed
        ``check`` names the first check that failed.
    ContractError
        There is no such round, or ``MODEL_PURGED``: the task keeps no version as old as that.
    """
    rounds = _back_to_maker(ledger, task, round_number)
    model = result_of(rounds[0]) if rounds else task.initial_model
    packed, manifest = fetch_model(ledger, task, model), ledger.manifest(model)
    _check_manifest(ledger, task, manifest)
    endorsers = endorser_history(chain, ledger, root)
    evidence = check_claims(chain, ledger, [Claim("task", task), Claim("manifest", manifest)], endorsers)
    claims = [Claim("round", round_) for round_ in rounds]
    made = next((round_.round for round_ in rounds if result_of(round_) != round_.base), 0)
    if made:
        status = ledger.status(task.task, made)
        claims += [
            Claim("attestation", attestation)
            for attestation in status.aggregates.values()
            if attestation.model == model
        ]
        if status.conclusion is not None:
            claims.append(Claim("attestation", status.conclusion, required(task, 0)))
    if claims:
        own = Endorsers(task.verifiers, task.quorum, root.authorities)
        evidence += check_claims(chain, ledger, claims, own)
    return Fetched(model, made, packed, evidence)


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


_REMEDY = "Do not use it: compare with another organisation's peer"


def _back_to_maker(ledger: Ledger, task: Task, round_number: int | None) -> list[Round]:
    """Return the asked round and, as long as they kept their base, those before it, each checked against the last.

    The last one made the model; where none did it is round 1, and the model is the initial one.
    """
    if round_number == 0:
        return []
    round_ = ledger.current_round(task.task) if round_number is None else ledger.round(task.task, round_number)
    if round_ is None:
        return []
    if round_number is not None and round_.round != round_number:
        raise CheckFailed(f"asked for round {round_number}, the peer gave {round_.round}", _REMEDY, check="round")
    rounds = [round_]
    check_round(ledger, task, round_)
    while result_of(rounds[-1]) == rounds[-1].base and rounds[-1].round > 1:
        rounds.append(ledger.round(task.task, rounds[-1].round - 1))
        check_round(ledger, task, rounds[-1])
    return rounds


def _check_manifest(ledger: Ledger, task: Task, manifest: Model) -> None:
    """Check a manifest against the round it names; one of another task is an equal model, stored once."""
    if manifest.task != task.task:
        return
    made = ledger.round(task.task, manifest.round)
    if result_of(made) != manifest.model or made.accepted != manifest.accepted or made.base != manifest.parent:
        raise CheckFailed(
            f"the manifest of model {manifest.model} names round {made.round}, which ended with {result_of(made)}",
            _REMEDY,
            check="manifest",
        )
