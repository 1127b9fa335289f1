# SPDX-License-Identifier: Apache-2.0
"""``medquorum hospital`` and ``medquorum adversary``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from medquorum.clients.attacks.behaviour import Adversary
from medquorum.clients.attacks.catalogue import ATTACKS, FOLLOWERS, attack_named
from medquorum.clients.attacks.occasion import Behaviour, honest
from medquorum.clients.data.images import read_shard
from medquorum.clients.hospital import queries
from medquorum.clients.hospital.assembly import awaited_events, expect_hospital, make_hospital, updates_folder
from medquorum.clients.hospital.model_access import takes_updates
from medquorum.clients.runtime.options import (
    AsJson,
    Channel,
    Connection,
    Identity,
    MaxBytes,
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

__all__ = ["adversary", "hospital"]

hospital = typer.Typer(no_args_is_help=True, help="Train on the own images, submit, check and use the common model.")
adversary = typer.Typer(no_args_is_help=True, help="A simulated adversary, to see that it is refused.")

hospital.command("status")(queries.status)
hospital.command("verify-model")(queries.verify_model)
hospital.command("fetch")(queries.fetch)
hospital.command("predict")(queries.predict)

DataFile: TypeAlias = Annotated[Path, typer.Option("--data", help="The own images: an npz shard or MedMNIST file.")]
OwnDataFile: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="The own images: an npz shard or MedMNIST file; --train may do without.")
]
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
    max_bytes: int | None


@dataclass(frozen=True)
class _OwnTraining:
    function: str
    data: Path | None
    test: Path | None
    deadline: float | None
    seed: int
    threads: int
    max_bytes: int | None


@hospital.command("run")
def run(
    profile: ProfileFile,
    task: TaskName,
    data: OwnDataFile = None,
    identity: Identity = "User1",
    channel: Channel = CHANNEL,
    state: StateFolder = None,
    test: TestFile = None,
    train: Annotated[
        str | None, typer.Option(help="The own training function, package.module:function, in a process of its own.")
    ] = None,
    training_deadline: Annotated[
        float | None, typer.Option(min=0, help="Seconds it may take; it is ended when its round closes, too.")
    ] = None,
    epochs: Epochs = 1,
    batch: Batch = 64,
    seed: Seed = 0,
    threads: Threads = 1,
    max_bytes: MaxBytes = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds: train, submit, wait for the verdict, check the new model; leave after the last round."""
    connection = Connection(profile, identity, channel, state, as_json, verbose)
    if train is not None:
        _run_own(connection, task, _OwnTraining(train, data, test, training_deadline, seed, threads, max_bytes))
    elif data is None:
        raise ConfigError("there is nothing to train on", "Name the own images with --data, or a function with --train")
    else:
        _run("hospital", connection, task, _Training(data, test, epochs, batch, seed, threads, max_bytes), honest)


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
    max_bytes: MaxBytes = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Follow a task's rounds like a hospital, and attack in the active ones."""
    behaviour = Adversary(attack_named(attack), _rounds(active), source, target, strength)
    if attack in FOLLOWERS and accomplice is None:
        raise ConfigError(f"the attack {attack} needs an update to copy", "Name a hospital's folder with --accomplice")
    connection = Connection(profile, identity, channel, state, as_json, verbose)
    training = _Training(data, test, epochs, batch, seed, threads, max_bytes)
    _run("adversary", connection, task, training, behaviour, accomplice)


def _run(
    role: str,
    connection: Connection,
    task_name: str,
    training: _Training,
    behaviour: Behaviour,
    accomplice: Path | None = None,
) -> None:
    images = read_shard(training.data, training.max_bytes)
    test = None if training.test is None else read_shard(training.test, training.max_bytes)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        expect_hospital(session, task)
        # torch takes seconds to import, and only training needs it.
        from medquorum.clients.hospital.trainer import Conduct, LocalTraining, Trainer
        from medquorum.clients.training.train import Recipe

        recipe = Recipe(training.epochs, training.batch)
        local = LocalTraining(images, recipe, test, training.seed, training.threads)
        conduct = Conduct(behaviour, None if accomplice is None else updates_folder(accomplice, task.task))
        trainer = Trainer(task, session.msp, local, session.report, control, conduct)
        return make_hospital(connection, session, task, control, trainer).step

    run_role(role, connection, task_name, awaited_events, make)


def _run_own(connection: Connection, task_name: str, chosen: _OwnTraining) -> None:
    from medquorum.clients.hospital.own_training import OwnTraining, Plan
    from medquorum.clients.training.own.process import InProcess, Recipe, check_function
    from medquorum.clients.training.train import measure

    check_function(chosen.function)
    if chosen.data is not None:
        read_shard(chosen.data, chosen.max_bytes)  # what is wrong with it is told now
    test = None if chosen.test is None else read_shard(chosen.test, chosen.max_bytes)

    def make(session: Session, task: Task, control: LoopControl) -> Step:
        expect_hospital(session, task)
        folder = task_folder(session.state, task.task) / "training"
        recipe = Recipe(chosen.function, chosen.data, chosen.threads, folder, chosen.max_bytes)
        evaluate = None if test is None else partial(measure, images=test)
        plan = Plan(partial(InProcess, recipe), evaluate, None, chosen.deadline, chosen.seed)
        is_open = partial(takes_updates, session.ledger, task.task)
        source = OwnTraining(task, session.msp, plan, session.report, control, is_open)
        return make_hospital(connection, session, task, control, source).step

    run_role("hospital", connection, task_name, awaited_events, make)


def _rounds(text: str) -> frozenset[int] | None:
    if not text:
        return None
    try:
        return frozenset(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--active {text} is not a list of rounds", "Write it as 1,3,5") from error
