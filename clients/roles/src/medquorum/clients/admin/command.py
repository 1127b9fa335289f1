# SPDX-License-Identifier: Apache-2.0
"""``medquorum admin``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from medquorum.clients.admin.api import AdminConnection
from medquorum.clients.admin.dataset import describe, open_set, warnings
from medquorum.clients.admin.options import image_shape, mixing_weight, placed, rule_document
from medquorum.clients.ledger.growth import expected_growth
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    Identity,
    MaxBytes,
    ProfileFile,
    StateFolder,
    TaskName,
)
from medquorum.clients.runtime.session import CHANNEL, Session, open_session
from medquorum.core.model import catalogue
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ConfigError, DataError

__all__ = ["admin"]

admin = typer.Typer(no_args_is_help=True, help="Consortium, verification set, tasks and rounds, by hand.")


class Step(StrEnum):
    """The steps of a round, by their names on the command line."""

    OPEN = "open"
    CLOSE_SUBMISSIONS = "close-submissions"
    CLOSE_VERDICTS = "close-verdicts"
    CLOSE = "close"
    ABORT = "abort"


TRANSACTIONS = {
    Step.OPEN: "OpenRound",
    Step.CLOSE_SUBMISSIONS: "CloseSubmissions",
    Step.CLOSE_VERDICTS: "CloseVerdicts",
    Step.CLOSE: "CloseRound",
    Step.ABORT: "AbortRound",
}

ConsortiumFile = Annotated[Path, typer.Argument(help="JSON or YAML: {quorum: k, members: {MSP: [role, ...]}}.")]


@contextmanager
def _session(profile: Path, identity: str, channel: str, state: Path | None, *, as_json: bool) -> Iterator[Session]:
    with open_session("admin", Connection(profile, identity, channel, state, as_json)) as session:
        session.outbox.recover()
        yield session


@admin.command("init-consortium")
def init_consortium(
    file: ConsortiumFile,
    profile: ProfileFile,
    identity: Identity = "Admin",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write the consortium's first members and roles; once, by an administrator of a member."""
    document = _read_document(file)
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        AdminConnection(session).init_consortium(document)
        session.report.event("consortium", quorum=document["quorum"], members=document["members"])


@admin.command("update-consortium")
def update_consortium(
    file: ConsortiumFile,
    profile: ProfileFile,
    identity: Identity = "Admin",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Approve the next consortium; it takes effect when k verifiers have approved the same."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        answer = session.consortium_transactions().submit("UpdateConsortium", _read_document(file))
        session.report.event("consortium_update", **json.loads(answer))


@admin.command("commit-dataset")
def commit_dataset(
    file: Annotated[Path, typer.Argument(help="Labelled images (npz), or a mounted set (safetensors) to look up.")],
    out: Annotated[list[Path] | None, typer.Option(help="Where verifiers mount the set; may be repeated.")] = None,
    classes: Annotated[int | None, typer.Option(min=2, help="Number of classes; needed with an npz file.")] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Keep as many images of each class as the rarest one has.")
    ] = False,
    max_bytes: MaxBytes = None,
    as_json: AsJson = False,
) -> None:
    """Write the verification set for its verifiers and print its commitment, which the task names."""
    verification = open_set(file, classes, balance=balance, max_bytes=max_bytes)
    if file.suffix != ".safetensors" and not out:
        raise ConfigError("the set's salt would be lost", "Name the verifiers' files with --out")
    for path in out or ():
        make_private_folder(path.parent)
        verification.write(path)
    for warning in warnings(verification):
        print(f"warning: {warning}", file=sys.stderr)
    summary = describe(verification)
    print(json.dumps(summary) if as_json else "\n".join(f"{key}: {value}" for key, value in summary.items()))


@admin.command("create-task")
def create_task(
    profile: ProfileFile,
    task: TaskName,
    dataset: Annotated[str, typer.Option(help="The verification set's commitment.")],
    dataset_size: Annotated[int, typer.Option(min=1, help="Its number of images.")],
    model: Annotated[
        str, typer.Option(help=f"One of: {', '.join(catalogue.MODELS)}; or a description's file.")
    ] = "mlp",
    image: Annotated[str, typer.Option(help="Channels, height and width of an image.")] = "1x28x28",
    classes: Annotated[int, typer.Option(min=2)] = 10,
    rounds: Annotated[int, typer.Option(min=1)] = 10,
    weight: Annotated[str, typer.Option("--lambda", help="The base model's weight: A/2^k or a decimal.")] = "1/2",
    rule: Annotated[str, typer.Option(help="A rule's name, or its JSON (docs/reference/ledger.md).")] = "strict",
    settings: Annotated[Path | None, typer.Option(help="JSON or YAML with further fields of the task.")] = None,
    placement: Annotated[
        str | None,
        typer.Option(help="Of an encrypted task: outsourced or smv-semi-honest  [default: as in --settings]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the initial model.")] = 0,
    initial_model: Annotated[Path | None, typer.Option(help="The initial model as safetensors.")] = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Store the initial model and create the task; the caller's organisation coordinates it."""
    numerator, bits = mixing_weight(weight)
    chosen: dict[str, Any] = {
        "task": task,
        "dataset": dataset,
        "dataset_size": dataset_size,
        "rounds": rounds,
        "lambda_numerator": numerator,
        "lambda_bits": bits,
        "rule": rule_document(rule),
    }
    chosen |= {} if settings is None else _read_document(settings)
    if placement is not None:
        chosen["encrypted"] = placed(chosen.get("encrypted"), placement)
    document = chosen.pop("model", None) or _described(model, image, classes)
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        created = AdminConnection(session).create_task_of(document, initial_model, chosen, seed)
        fields = {"task": task, "model": created.initial_model, "bytes": created.length}
        fields |= {"store": created.model_store, "keep_models": created.keep_models}
        session.report.event("task_created", **fields, growth=asdict(expected_growth(created)))


@admin.command("update-hospitals")
def update_hospitals(
    profile: ProfileFile,
    task: TaskName,
    hospital: Annotated[list[str], typer.Option(help="MSP id of a hospital of the task from now on; repeated.")],
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make these a task's hospitals: new ones take part from the next round; by the task's coordinator."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        answer = session.consortium_transactions().submit("UpdateHospitals", task, json.dumps(hospital))
        changed = json.loads(answer)
        joined = changed.get("joined", {})
        session.report.event("task_changed", task=task, hospitals=changed["hospitals"], joined=joined)


@admin.command("round")
def round_step(
    step: Annotated[Step, typer.Argument(help="What to do with the round.")],
    profile: ProfileFile,
    task: TaskName,
    number: Annotated[int, typer.Option("--round", min=1)],
    reason: str = "",
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take one step of a round by hand."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        reasons = () if step is Step.OPEN else (reason,)
        transactions = session.transactions(session.ledger.task(task))
        answer = json.loads(transactions.submit(TRANSACTIONS[step], task, number, *reasons))
        session.report.event("round", **{name: answer[name] for name in ("round", "state", "accepted", "reason")})


@admin.command("purge-updates")
def purge_updates(
    profile: ProfileFile,
    task: TaskName,
    number: Annotated[int, typer.Option("--round", min=1)],
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Remove an ended round's updates from every verifier's peer; hashes and verdicts stay."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        answer = session.transactions(session.ledger.task(task)).submit("PurgeUpdates", task, number)
        session.report.event("purged", round=number, chunks=json.loads(answer)["purged"])


@admin.command("purge-models")
def purge_models(
    profile: ProfileFile,
    task: TaskName,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Remove the bytes of models older than the task keeps (keep_models) from every peer; manifests stay."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        answer = session.transactions(session.ledger.task(task)).submit("PurgeModels", task)
        session.report.event("models_purged", models=json.loads(answer)["purged"])


@admin.command("tasks")
def tasks(
    profile: ProfileFile,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the tasks and where they stand."""
    with _session(profile, identity, channel, state, as_json=as_json) as session:
        for name in session.ledger.tasks():
            document, round_ = session.ledger.task(name), session.ledger.current_round(name)
            session.report.event(
                "task",
                task=name,
                model=document.model["name"],
                rule=document.rule,
                round=0 if round_ is None else round_.round,
                rounds=document.rounds,
                state="not begun" if round_ is None else round_.state,
            )


def _described(model: str, image: str, classes: int) -> dict[str, Any]:
    """Return a model's description: a file's (JSON or YAML), or one of the catalogue's."""
    if model.endswith((".json", ".yaml", ".yml")):
        return _read_document(Path(model))
    return catalogue.describe(model, image_shape(image), classes)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except Exception as error:  # the parser lets more out than its own errors
        raise ConfigError(f"{path} cannot be read: {error}", "Write it as JSON or YAML") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} holds no object", "Write it as JSON or YAML with named fields")
    return document
