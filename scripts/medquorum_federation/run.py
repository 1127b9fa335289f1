# SPDX-License-Identifier: Apache-2.0
"""One training on a running network: data dealt, task created, role processes followed to the last round."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from medquorum.clients.attacks.catalogue import FOLLOWERS
from medquorum.errors import NetworkError

from .disk import check_disk, journals, peer_growth
from .network import Network
from .options import Options
from .processes.forking import RoleZygote
from .processes.roles import Roles, ToolFailed, run_client
from .reporting.live import LiveView
from .reporting.report import Report, Round
from .reporting.watching import with_links
from .schedule import adversary_schedule
from .settings import COORDINATOR, FIRST_VERIFIER, VERIFIERS, more_nodes, task_settings

__all__ = ["new_task_name", "train"]

Show = Callable[[str, dict[str, Any]], None]


def new_task_name(network: Network, options: Options, zygote: RoleZygote | None = None) -> str:
    """Name a task after its data, model and seed: the same run on a new network trains from the same seeds."""
    data = re.sub("[^a-z0-9]+", "-", Path(options.data).stem.lower()).strip("-")[:12]
    name = f"{data}-{options.model}-s{options.seed}"
    place = ["--profile", str(network.profile(FIRST_VERIFIER)), "--state-dir", str(network.directory / "clients")]
    lines = run_client("admin", "tasks", *place, "--json", zygote=zygote).splitlines()
    taken = {json.loads(line)["task"] for line in lines}
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def train(
    options: Options, network: Network, task: str, folder: Path, console: Console, zygote: RoleZygote | None = None
) -> Report:
    """Run one training as ``task`` with its shards, process states and logs in ``folder``; show it as it goes.

    Roles and commands are forked from the zygote, without one each is a new process: with the same model hashes.

    Raises
    ------
    NetworkError
        A role's process ended before its task did, or an admin command failed.
    """
    report = Report(network.kind, options.model, options.data, json.loads(options.model_dump_json()), task=task)
    run = _Run(options, network, task, folder, report, zygote)
    created = run.prepare()
    growth = created["growth"]
    place = (growth, network.kind, options.hospitals, options.rounds, network.directory, created["store"])
    check_disk(*place, console)
    report.ledger_round_expected = peer_growth(growth, network.kind)
    report.ledger_round_expected_most = report.ledger_round_expected + journals(network.kind) // options.rounds
    before = network.ledger_bytes("hospital1")
    with LiveView(console, options.hospitals, options.rounds, run.schedule) as view:
        run.follow(with_links(view.take, console))
    report.ledger_bytes = network.ledger_bytes("hospital1")
    report.ledger_round_measured = (report.ledger_bytes - before) // options.rounds
    return report


def deal(options: Options, folder: Path, zygote: RoleZygote | None = None) -> dict[str, Any]:
    """Deal the images to the hospitals and the verification set, a file each; return what ``data split`` tells."""
    split = ["--data", options.data, "--out", str(folder), "--hospitals", str(options.hospitals)]
    split += ["--seed", str(options.seed), "--json"]
    optional = {"--data-dir": options.data_dir, "--dirichlet": options.dirichlet, "--limit": options.limit}
    optional |= {"--verification": options.verification_images, "--max-bytes": options.max_bytes}
    split += [text for flag, value in optional.items() if value is not None for text in (flag, str(value))]
    dealt: dict[str, Any] = json.loads(run_client("data", "split", *split, zygote=zygote))
    return dealt


class _Run:
    """Runs ``options`` as ``task`` and fills ``report``."""

    def __init__(
        self, options: Options, network: Network, task: str, folder: Path, report: Report, zygote: RoleZygote | None
    ) -> None:
        self._zygote = zygote
        self._options = options
        self._network = network
        self._task = task
        self._folder = folder
        self._report = report
        self._accuracy: dict[int, float] = {}
        self._training: dict[int, float] = {}
        self._phases: dict[tuple[int, str], float] = {}
        self._closed: dict[int, dict[str, Any]] = {}
        self.schedule = adversary_schedule(
            options.hospitals,
            0 if options.without_adversaries else options.adversaries,
            options.rounds,
            options.seed,
            changing=options.adversary_set == "changing",
        )

    def prepare(self) -> dict[str, Any]:
        """Deal the data, mount the verification set at every verifier, found the consortium, create the task.

        Returns
        -------
        dict
            What ``create-task`` tells of the task, with its ``store`` and the ``growth`` of the ledger.
        """
        options = self._options
        dealt = deal(options, self._folder / "data", self._zygote)
        mounted = [
            self._network.organisation(verifier) / "verification" / f"{self._task}.safetensors"
            for verifier in VERIFIERS
        ]
        places = [text for path in mounted for text in ("--out", str(path))]
        images = str(self._folder / "data" / "verification.npz")
        committed = self._admin("commit-dataset", images, "--classes", str(dealt["classes"]), *places, *self._most)
        self._found_consortium()
        return self._create_task(dealt, committed)

    def follow(self, show: Show) -> None:
        """Start every role, show each of its lines, and follow the task to the end of its last round.

        Raises
        ------
        NetworkError
            A role's process ended before its task did.
        """
        with Roles(self._folder / "logs", self._zygote) as roles:
            self._start(roles)
            running = {"coordinator"}
            for line in roles.lines():
                if line.content["event"] == "exited":
                    # In the last round a role may see the end before the coordinator has told of it.
                    if line.content["code"] != 0 or len(self._closed) < self._options.rounds - 1:
                        raise roles.ended(line.role, line.content["code"])
                    running.discard(line.role)
                else:
                    self._take(line.role, line.content)
                    show(line.role, line.content)
                if not running and len(self._accuracy) > self._options.rounds:
                    break

    def _start(self, roles: Roles) -> None:
        if self._options.dashboard:
            roles.start("dashboard", ["dashboard", *self._as("hospital1", "dashboard"), "--port", "0", "--json"])
        common = ["--task", self._task, "--json"]
        encrypted = self._options.verification == "encrypted"
        if encrypted:
            roles.start("dealer", ["dealer", "run", *self._as("dealer"), *common])
        for index, verifier in enumerate(VERIFIERS):
            kind = "witness" if encrypted and index == 1 else "verifier"
            roles.start(verifier, [kind, "run", *self._as(verifier), *common])
        for node in more_nodes(self._options) if encrypted else ():
            roles.start(f"aggregator-{node}", ["aggregator", "run", *self._as(node, f"aggregator-{node}"), *common])
        for number in range(1, self._options.hospitals + 1):
            roles.start(f"hospital{number}", [*self._hospital(number), *common])
        # The last one: it opens the first round at once.
        roles.start("coordinator", ["coordinator", "run", *self._as(COORDINATOR), *common])

    def _hospital(self, number: int) -> list[str]:
        name = f"hospital{number}"
        options = self._options
        active = [str(r) for r, attacking in sorted(self.schedule.items()) if number in attacking]
        kind = ["hospital", "run"]
        if active:
            kind = ["adversary", "run", "--attack", options.attack, "--active", ",".join(active)]
            if options.attack == "label-flip":
                source, target = options.flip
                kind += ["--source", str(source), "--target", str(target)]
            if options.attack in FOLLOWERS:
                kind += ["--accomplice", str(self._state(f"hospital{number % options.hospitals + 1}"))]
        shared = ["--data", str(self._folder / "data" / f"{name}.npz"), "--epochs", str(options.epochs)]
        shared += ["--batch", str(options.batch)]
        shared += ["--seed", str(options.seed), *self._most]
        if number == 1:  # one hospital measures every global model on images no one trained or judged on
            shared += ["--test", str(self._folder / "data" / "test.npz")]
        return [*kind, *self._as(name), *shared]

    @property
    def _most(self) -> list[str]:
        return [] if self._options.max_bytes is None else ["--max-bytes", str(self._options.max_bytes)]

    def _take(self, role: str, content: dict[str, Any]) -> None:
        """Keep what the report needs of one line."""
        number = int(content.get("round") or 0)
        match content["event"]:
            case "global_model" if content.get("accuracy") is not None:
                self._accuracy[number] = content["accuracy"]
            case "phase" if content["phase"] == "training":
                self._training[number] = max(self._training.get(number, 0.0), content["seconds"])
            case "phase" if role == "coordinator":
                self._phases[number, content["phase"]] = content["seconds"]
            case "round_closed" | "round_aborted":
                self._closed[number] = content
            case "error":
                raise NetworkError(f"{role}: {content['cause']}", content["remedy"])
        self._finish_rounds()

    def _finish_rounds(self) -> None:
        """Move every round whose end and accuracy are both known into the report."""
        report = self._report
        report.initial_accuracy = self._accuracy.get(0, report.initial_accuracy)
        number = len(report.rounds) + 1
        while number in self._closed and number in self._accuracy:
            report.rounds.append(self._round(number))
            report.model_hash = self._closed[number]["model"]
            number += 1

    def _round(self, round_number: int) -> Round:
        closed = self._closed[round_number]
        poisoned = {f"Hospital{attacking}MSP" for attacking in self.schedule[round_number]}
        accepted, refused = set(closed["accepted"]), set(closed["refused"])
        opened, verifying, aggregating = (
            self._phases.get((round_number, f"round_{state}"), 0.0) for state in ("open", "verifying", "aggregating")
        )
        training = min(self._training.get(round_number, 0.0), opened)
        seconds = self._report.seconds
        seconds.training += training
        verifying += self._phases.get((round_number, "conclusion"), 0.0)
        seconds.verification += verifying
        seconds.ledger += opened - training + aggregating
        return Round(
            number=round_number,
            accuracy=self._accuracy[round_number],
            accepted=sorted(accepted),
            refused=closed["refused"],
            attackers=sorted(poisoned),
            poisoned_accepted=len(poisoned & accepted),
            poisoned_refused=len(poisoned & refused),
            honest_accepted=len(accepted - poisoned),
            honest_refused=len(refused - poisoned),
            training=training,
            submission=opened - training,
            verification=verifying,
            aggregation=aggregating,
            reason=closed["reason"] or "",
        )

    def _found_consortium(self) -> None:
        """Write the consortium document unless an earlier run on this network did."""
        file = self._folder / "consortium.json"
        file.write_text(json.dumps(self._network.consortium_document()))
        try:
            self._admin("init-consortium", str(file), *self._as(FIRST_VERIFIER, "admin"))
        except ToolFailed as error:
            if "CONSORTIUM_EXISTS" not in error.cause:
                raise

    def _create_task(self, dealt: dict[str, Any], committed: dict[str, Any]) -> dict[str, Any]:
        options = self._options
        image = "x".join(str(size) for size in dealt["image"])
        named = {
            "--task": self._task,
            "--dataset": committed["commitment"],
            "--dataset-size": committed["images"],
            "--model": options.model,
            "--image": image,
            "--classes": dealt["classes"],
            "--rounds": options.rounds,
            "--lambda": options.mix,
            "--rule": json.dumps(options.rule_document),
            "--seed": options.seed,
            "--settings": self._settings(dealt),
        }
        flags = [text for flag, value in named.items() for text in (flag, str(value))]
        return self._admin("create-task", *self._as(COORDINATOR, "coordinator-admin"), *flags)

    def _settings(self, dealt: dict[str, Any]) -> Path:
        """Write the task's further fields into a file."""
        network = self._network
        fields = task_settings(self._options, dealt["image"][0], network.msp_id, network.service)
        place = self._folder / "task.json"
        place.write_text(json.dumps(fields))
        return place

    def _admin(self, *arguments: str) -> dict[str, Any]:
        """Run an admin command and return the last of its JSON lines."""
        return dict(json.loads(run_client("admin", *arguments, "--json", zygote=self._zygote).splitlines()[-1]))

    def _as(self, organisation: str, state: str = "") -> list[str]:
        return [
            "--profile",
            str(self._network.profile(organisation)),
            "--state-dir",
            str(self._state(state or organisation)),
        ]

    def _state(self, role: str) -> Path:
        return self._folder / "state" / role
