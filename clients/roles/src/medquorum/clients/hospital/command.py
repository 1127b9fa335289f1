# SPDX-License-Identifier: Apache-2.0
"""``medquorum hospital`` and ``medquorum adversary``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.catalogue import ATTACKS, FOLLOWERS, attack_named
from medquorum.clients.attacks.occasion import Behaviour, honest
from medquorum.clients.data.images import read_shard
from medquorum.clients.hospital import queries
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    Identity,
    ProfileFile,
    StateFolder,
    TaskName,
    Verbose,
)
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.role import Step, run_role
from medquorum.clients.runtime.session import CHANNEL, Session, task_folder
from medquorum.core.documents.task import Task
from medquorum.errors import ConfigError

if TYPE_CHECKING:
    from medquorum.clients.hospital.share_uploader import ShareUploader
    from medquorum.clients.hospital.verification import OwnVerification
    from medquorum.clients.runtime.updates import UpdateStore

__all__ = ["adversary", "hospital"]

PLAIN_EVENTS = frozenset({"RoundOpened", "RootSubmitted", "VerdictsClosed", "RoundClosed", "RoundAborted"})
ENCRYPTED_EVENTS = PLAIN_EVENTS | {"SubmissionsClosed"}
"""Then a hospital that is a party begins to verify."""

hospital = typer.Typer(no_args_is_help=True, help="Train on the own images, submit, check and use the common model.")
adversary = typer.Typer(no_args_is_help=True, help="A simulated adversary, to see that it is refused.")

hospital.command("status")(queries.status)
hospital.command("verify-model")(queries.verify_model)
hospital.command("fetch")(queries.fetch)
hospital.command("predict")(queries.predict)

DataFile: TypeAlias = Annotated[Path, typer.Option("--data", help="The own images: an npz shard or MedMNIST file.")]
TestFile: TypeAlias = Annotated[Path | None, typer.Option("--test", help="Images to tell each model's accuracy on.")]
Epochs: TypeAlias = Annotated[int, typer.Option(min=1, help="Passes over the own images in a round.")]
Batch: TypeAlias = Annotated[int, typer.Option(min=1, help="Images in a training batch.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Seed of the training, with task, round and MSP.")]
Threads: TypeAlias = Annotated[int, typer.Option(min=1, help="Processor threads for the training.")]


@dataclass(frozen=True)
class _Training:
    data: Path
    test: Path | None
    epochs: int
    batch: int
    seed: int
    threads: int


@hospital.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    data: DataFile,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    test: TestFile = None,
    epochs: Epochs = 1,
    batch: Batch = 64,
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds: train, submit, wait for the verdict, check the new model; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)
    _run("hospital", connection, task, _Training(data, test, epochs, batch, seed, threads), honest)


@adversary.command("run")
def attack(
    profile: ProfileFile,
    task: TaskName,
    data: DataFile,
    attack: Annotated[str, typer.Option(help=f"One of: {', '.join(ATTACKS)}.")],
    active: Annotated[str, typer.Option(help="Rounds to attack in, as 1,3,5  [default: all]")] = "",
    source: Annotated[int, typer.Option(min=0, help="Class that label-flip renames.")] = 1,
    target: Annotated[int, typer.Option(min=0, help="Class that flips, static-label and backdoors give.")] = 0,
    strength: Annotated[float | None, typer.Option(help="Factor, deviation or rounds of an attack.")] = None,
    accomplice: Annotated[Path | None, typer.Option(help="State folder of whom copy, collusion follow.")] = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    test: TestFile = None,
    epochs: Epochs = 1,
    batch: Batch = 64,
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds like a hospital, and attack in the active ones."""
    behaviour = Adversary(attack_named(attack), _rounds(active), source, target, strength)
    if attack in FOLLOWERS and accomplice is None:
        raise ConfigError(f"the attack {attack} needs an update to copy", "Name a hospital's folder with --accomplice")
    connection = Connection(profile, identity, channel, state, as_json, verbose)
    training = _Training(data, test, epochs, batch, seed, threads)
    _run("adversary", connection, task, training, behaviour, accomplice)


def _run(
    role: str,
    connection: Connection,
    task_name: str,
    training: _Training,
    behaviour: Behaviour,
    accomplice: Path | None = None,
) -> None:
    images = read_shard(training.data)
    test = None if training.test is None else read_shard(training.test)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        if session.msp not in task.hospitals:
            raise ConfigError(f"{session.msp} is no hospital of the task {task.task}", "Check --profile and --task")
        # torch takes seconds to import, and only training needs it.
        from medquorum.clients.hospital.agent import Hospital
        from medquorum.clients.hospital.trainer import Conduct, LocalTraining, Trainer
        from medquorum.clients.runtime.updates import UpdateStore
        from medquorum.clients.training.train import Recipe

        recipe = Recipe(training.epochs, training.batch)
        local = LocalTraining(images, recipe, test, training.seed, training.threads)
        conduct = Conduct(behaviour, None if accomplice is None else updates_folder(accomplice, task.task))
        trainer = Trainer(task, session.msp, local, session.report, control, conduct)
        store = UpdateStore(updates_folder(session.state, task.task))
        transactions = session.transactions(task)
        sender = _sender(connection, session, task)
        verification = None if sender is None else _verification(connection, session, task, control, sender, store)
        return Hospital(session.ledger, transactions, task, trainer, store, session.report, sender, verification).step

    run_role(role, connection, task_name, _events, make)


def _events(task: Task) -> frozenset[str]:
    return PLAIN_EVENTS if task.encrypted is None else ENCRYPTED_EVENTS


def _sender(connection: Connection, session: Session, task: Task) -> ShareUploader | None:
    """Return what uploads shares, in an encrypted task."""
    if task.encrypted is None:
        return None
    from medquorum.clients.hospital.share_uploader import ShareUploader
    from medquorum.clients.runtime.credentials import user_credentials

    return ShareUploader(task, task.encrypted, session.msp, user_credentials(connection), session.report)


def _verification(
    connection: Connection,
    session: Session,
    task: Task,
    control: LoopControl,
    sender: ShareUploader,
    store: UpdateStore,
) -> OwnVerification | None:
    """Return what verifies the own updates with P0, where the task has each hospital do so."""
    if task.encrypted is None or not task.encrypted.semi_honest:
        return None
    from medquorum.clients.hospital.process import own_verification

    return own_verification(connection, session, task, control, sender, store)


def updates_folder(state: Path, task: str) -> Path:
    """Return where a hospital keeps its updates of a task."""
    return task_folder(state, task) / "updates"


def _rounds(text: str) -> frozenset[int] | None:
    if not text:
        return None
    try:
        return frozenset(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--active {text} is not a list of rounds", "Write it as 1,3,5") from error
