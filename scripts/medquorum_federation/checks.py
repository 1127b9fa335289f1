# SPDX-License-Identifier: Apache-2.0
"""What a run needs, looked at before any process starts: data, labels, model, task, disk.

Nothing here imports torch, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from rich.console import Console

from medquorum.chaincode.transactions.task import check_task
from medquorum.clients.admin.dataset import describe, verification_set
from medquorum.clients.admin.options import mixing_weight
from medquorum.clients.admin.tasks import task_document
from medquorum.clients.data.sources import Source, load
from medquorum.clients.data.split import deal
from medquorum.clients.ledger.growth import expected_growth
from medquorum.core import model as modelformat
from medquorum.core.documents.consortium import Consortium as Members
from medquorum.core.documents.task import Task
from medquorum.core.model import catalogue
from medquorum.network.consortium.consortium import Consortium

from .disk import check_disk
from .options import Options
from .settings import COORDINATOR, task_settings

__all__ = ["check_runs"]


def check_runs(runs: Iterable[Options], kind: str, directory: Path, consortium: Consortium) -> None:
    """Check what runs need, before any process starts.

    Parameters
    ----------
    kind
        ``fabric`` or ``devnet``.
    directory
        The network's folder, which need not exist yet.

    Raises
    ------
    MedquorumError
        As the part would raise it that would have found it in the middle of the run.
    """
    source = lru_cache(maxsize=1)(load)
    place = next(folder for folder in (directory, *directory.parents) if folder.exists())
    silent = Console(quiet=True)  # the growth is told when the task is there
    for options in runs:
        task = _task(
            options, source(options.data, options.data_dir, options.seed, max_bytes=options.max_bytes), consortium
        )
        growth = asdict(expected_growth(task))
        check_disk(growth, kind, options.hospitals, options.rounds, place, task.model_store, silent)


def _task(options: Options, source: Source, consortium: Consortium) -> Task:
    """Return the task as the run will create it, but for the values of its initial model."""
    dealt = deal(
        source,
        options.hospitals,
        seed=options.seed,
        alpha=options.dirichlet,
        limit=options.limit,
        verification=options.verification_images,
    )
    dataset = describe(verification_set(dealt.verification, source.classes))
    model = catalogue.describe(options.model, dataset["image"], source.classes)
    parsed = modelformat.parse(model)
    layout, length = modelformat.layout_hash(parsed), 4 * modelformat.parameters(parsed)
    numerator, bits = mixing_weight(str(options.mix))
    chosen = {
        "task": "check",
        "dataset": dataset["commitment"],
        "dataset_size": dataset["images"],
        "rounds": options.rounds,
        "lambda_numerator": numerator,
        "lambda_bits": bits,
        "rule": options.rule_document,
    }
    chosen |= task_settings(options, dataset["image"][0], *_lookups(consortium))
    coordinator = consortium.organisation(COORDINATOR).msp_id
    members = {organisation.msp_id: organisation.roles for organisation in consortium.organisations}
    ledger = Members(sequence=1, quorum=consortium.quorum, members=members)
    document = task_document(ledger, coordinator, model, bytes(length), chosen)
    made = Task.from_argument("BAD_TASK", document, layout=layout, length=length, created_by=coordinator, joined=None)
    check_task(made, ledger)
    return made


def _lookups(consortium: Consortium) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """Return what gives an organisation's MSP id, and the address of its service."""

    def service(name: str) -> str:
        endpoint = consortium.organisation(name).service
        return endpoint.address if endpoint else ""

    return lambda name: consortium.organisation(name).msp_id, service
