# SPDX-License-Identifier: Apache-2.0
"""``medquorum auditor``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.table import Table

from medquorum.clients.auditor.api import AuditorConnection
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.proof.basis import Proof
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    ConsortiumToml,
    Genesis,
    Identity,
    Organizations,
    ProfileFile,
    StateFolder,
    TaskName,
)
from medquorum.clients.runtime.session import CHANNEL, Session, open_session
from medquorum.core.documents.round import Round

__all__ = ["auditor", "listed"]

auditor = typer.Typer(no_args_is_help=True, help="Look up and check what is on the ledger.")

RoundNumber: TypeAlias = Annotated[int, typer.Option("--round", min=1, help="Which round.")]


@contextmanager
def _session(profile: Path, identity: str, channel: str, state: Path | None, *, as_json: bool) -> Iterator[Session]:
    with open_session("auditor", Connection(profile, identity, channel, state, as_json)) as session:
        yield session


def _show(rows: list[dict[str, Any]], title: str, *, as_json: bool) -> None:
    """Print rows as a table, or as one JSON list."""
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(title=title)
    for heading in rows[0] if rows else ():
        table.add_column(heading.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console().print(table if rows else f"{title}: nothing")


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)


@auditor.command("history")
def key_history(
    kind: Annotated[str, typer.Argument(help="task, round, update, verdict, attestation, aggregate, model ...")],
    profile: ProfileFile,
    attributes: Annotated[
        list[str] | None, typer.Argument(help="The key's attributes, as docs/ledger.md lists.")
    ] = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show every version of a key, newest first, with its transaction and time."""
    key: list[str | int] = [
        int(text) if position == 1 and text.isdigit() else text for position, text in enumerate(attributes or ())
    ]
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        versions = AuditorConnection(session).versions(kind, *key)
    rows = [
        {
            "time": datetime.fromtimestamp(version["timestamp"] / 1e9, UTC).isoformat(timespec="milliseconds"),
            "transaction": version["tx_id"],
            "deleted": version["is_delete"],
            "document": version["document"],
        }
        for version in versions
    ]
    _show(rows, f"{kind} {' '.join(map(str, key))}", as_json=as_json)


@auditor.command("round")
def show_round(
    profile: ProfileFile,
    task: TaskName,
    round_number: RoundNumber,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of every update of a round, and why."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        status = session.ledger.status_now(task, round_number)
        taking_part = session.ledger.task(task).taking_part(round_number)
    rows = []
    for hospital in listed(taking_part, status):
        verdict = status.verdicts.get(hospital)
        outcome = "no update" if hospital not in status.updates else "pending"
        if status.round is not None:
            outcome = status.round.outcomes.get(hospital, outcome)
        rows.append(
            {
                "hospital": hospital,
                "outcome": outcome,
                "reason": None if verdict is None else verdict.reason,
                "counts": None if verdict is None else verdict.counts,
                "quality": None if verdict is None else verdict.quality,
                "attested_by": sorted(status.attestations.get(hospital, ())),
            }
        )
    _show(rows, f"{task} round {round_number}: {_round_summary(status.round)}", as_json=as_json)


def listed(taking_part: Iterable[str], status: RoundStatus) -> list[str]:
    """Return who took part in a round: its hospitals of today, and those that handed in and have left since."""
    return sorted({*taking_part, *status.updates})


def _round_summary(round_: Round | None) -> str:
    """Return how a round stands, why, and who attested another model than the one it ended with."""
    if round_ is None:
        return "not open"
    others = "" if round_.differing is None else f"another result: {', '.join(round_.differing)}"
    return "; ".join(part for part in (round_.state, round_.reason, others) if part)


@auditor.command("hospital")
def show_hospital(
    hospital: Annotated[str, typer.Argument(help="Its MSP id.")],
    profile: ProfileFile,
    task: TaskName,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show a hospital's outcome and quality in every round."""
    rows = []
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        for summary in AuditorConnection(session).history(task, hospital):
            rows.append({name: getattr(summary, name) for name in ("round", "outcome", "reason", "quality")})
    _show(rows, f"{hospital} in {task}", as_json=as_json)


@auditor.command("scores")
def scores(
    profile: ProfileFile,
    task: TaskName,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show every hospital's counts and summed quality over all rounds."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        scores = AuditorConnection(session).scores(task)
    _show([{"hospital": hospital, **score} for hospital, score in scores.items()], f"{task} scores", as_json=as_json)


@auditor.command("verify")
def verify(
    profile: ProfileFile,
    task: TaskName,
    round_number: RoundNumber,
    organizations: Organizations,
    consortium: ConsortiumToml = None,
    genesis: Genesis = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check the chain up to a round, its orderers' signatures, and what each of the round's transactions wrote."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        proven = AuditorConnection(session).verify(task, round_number, Proof(organizations, consortium, genesis))
    rows = [asdict(item) | ({"genesis": proven.genesis} if as_json else {}) for item in proven.evidence]
    title = f"{task} round {round_number}: chain from block 0 ({proven.genesis}) and {len(rows)} documents PASSED"
    _show(rows, title, as_json=as_json)
