# SPDX-License-Identifier: Apache-2.0
"""``medquorum hospital status``, ``verify-model``, ``fetch`` and ``predict``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from medquorum.clients.hospital import model_access
from medquorum.clients.hospital.api.checked_model import CheckedModel
from medquorum.clients.hospital.fetch import fetch_proven, write_model
from medquorum.clients.proof.basis import Proof
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    ConsortiumToml,
    Genesis,
    Identity,
    MaxBytes,
    Organizations,
    ProfileFile,
    StateFolder,
    TaskName,
)
from medquorum.clients.runtime.session import CHANNEL, Session, open_session

__all__ = ["fetch", "predict", "status", "verify_model"]


ModelRound: TypeAlias = Annotated[
    int | None,
    typer.Option("--round", min=0, help="The round that made the model, 0: the initial one  [default: latest]"),
]


def status(
    profile: ProfileFile,
    task: TaskName,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show where a task stands, and what became of the own updates."""
    with _asking(Connection(profile, identity, channel, state, as_json)) as session:
        session.report.event("status", **model_access.task_status(session.ledger, task))


def verify_model(
    profile: ProfileFile,
    task: TaskName,
    round_number: ModelRound = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Read a model through the own peer and check chunks, manifest, hash, round and attestations."""
    with _asking(Connection(profile, identity, channel, state, as_json)) as session:
        model, packed = model_access.model_of_round(session.ledger, session.ledger.task(task), round_number)
        session.report.event("model_verified", model=model, bytes=len(packed))


def fetch(
    profile: ProfileFile,
    task: TaskName,
    organizations: Organizations,
    out: Annotated[Path, typer.Option(help="Where the model is written: safetensors (float64), or .pt2, .onnx.")],
    round_number: ModelRound = None,
    consortium: ConsortiumToml = None,
    genesis: Genesis = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Fetch any kept model, refuse it unless chunks, manifest, attestations, signatures and blocks are right."""
    with _asking(Connection(profile, identity, channel, state, as_json)) as session:
        document = session.ledger.task(task)
        chain, root = Proof(organizations, consortium, genesis).begin(session)
        proven = fetch_proven(chain, session.ledger, document, round_number, root)
        if out.suffix in (".pt2", ".onnx"):
            CheckedModel(document, proven.model, proven.round, proven.packed).export(out)
        else:
            write_model(out, document, proven)
        fields = {"model": proven.model, "round": proven.round, "bytes": len(proven.packed), "file": str(out)}
        session.report.event("model_fetched", **fields, evidence=[asdict(item) for item in proven.evidence])


def predict(
    profile: ProfileFile,
    task: TaskName,
    data: Annotated[Path, typer.Option("--data", help="An npz file with images and, optionally, labels.")],
    round_number: ModelRound = None,
    max_bytes: MaxBytes = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Classify images with a checked model."""
    with _asking(Connection(profile, identity, channel, state, as_json)) as session:
        document = session.ledger.task(task)
        model, packed = model_access.model_of_round(session.ledger, document, round_number)
        session.report.event("prediction", model=model, **model_access.classify(document, packed, data, max_bytes))


def _asking(connection: Connection) -> AbstractContextManager[Session]:
    """Connect to ask only, also while the hospital's own process runs."""
    return open_session("hospital-asking", connection)
