# SPDX-License-Identifier: Apache-2.0
"""Start dealer, P0, witness and hospital as processes, and measure one update's verification in a placement."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from socket import create_server
from typing import Any

import numpy as np

from medquorum.core import model as modelformat
from medquorum.core.dataset import VerificationSet
from medquorum.core.documents.encrypted import Encrypted, Placement
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import FRACTION_BITS
from medquorum.verifier.comparison.backends import Comparing
from medquorum_benchmarks.verification.peers.networks import CLASSES, Network
from medquorum_benchmarks.verification.peers.ours import answer, identities, say, started
from medquorum_benchmarks.verification.peers.roles import DEALER, HOSPITAL, PARTIES, TASK

__all__ = ["place"]

_HOST = "127.0.0.1"


def place(network: Network, back_end: Comparing, batch: int, count: int, placement: Placement) -> dict[str, Any]:
    """Verify one update on so many images.

    Returns
    -------
    dict
        ``seconds`` from the hospital's making its shares until both parties have their result, and ``peaks``, the
        most bytes that P0, P1 and the dealer held.

    Raises
    ------
    RuntimeError
        A role has ended, or the parties' results differ.
    """
    pixels, labels = network.images(count)
    images = VerificationSet(pixels, labels.astype(np.uint8), CLASSES, VerificationSet.new_salt())
    known = identities(dict.fromkeys((*PARTIES, DEALER, HOSPITAL), _HOST))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "images.safetensors"
        images.write(file)
        dealer = stack.enter_context(started({**known[DEALER], "role": DEALER, "host": _HOST}))
        services = {msp: f"{_HOST}:{_free_port()}" for msp in PARTIES} | {DEALER: answer(dealer)["address"]}
        settings = Encrypted(
            parties=list(PARTIES),
            dealer=DEALER,
            aggregators=list(PARTIES),
            services=services,
            comparison=back_end,
            batch=batch,
            grayscale=True,
            placement=placement,
        )
        part = {"model": network.name, "images": str(file), "task": _task(network, images, settings).model_dump()}

        def start(role: str) -> subprocess.Popen[str]:
            process = stack.enter_context(started({**part, **known[role], "role": role}, module="placements"))
            answer(process)
            return process

        first, witness, hospital = (start(role) for role in (*PARTIES, HOSPITAL))
        say(hospital, {})
        update = answer(hospital)
        for process in (first, witness):
            say(process, update["commitments"])
        answers = [answer(process) for process in (first, hospital if settings.semi_honest else witness)]
        say(witness, {})
        say(dealer, {})
        if len({(told["transcript"], str(told["counts"])) for told in answers}) != 1:
            raise RuntimeError("the parties' results differ")
        return {
            "seconds": max(told["ended"] for told in answers) - update["began"],
            "peaks": [*(told["peak"] for told in answers), answer(dealer)["peak"]],
        }


def _task(network: Network, images: VerificationSet, settings: Encrypted) -> Task:
    flat = network.flat()
    return Task(
        task=TASK,
        model=network.description.model_dump(mode="json", by_alias=True),
        layout=modelformat.layout_hash(network.description),
        length=4 * flat.size,
        initial_model="0" * 64,
        lambda_numerator=1,
        lambda_bits=1,
        rule={"name": "strict"},
        disclosure="count",
        dataset=images.commitment(),
        dataset_size=len(images.labels),
        fraction_bits=FRACTION_BITS,
        coordinator=PARTIES[0],
        standby=None,
        verifiers=list(PARTIES),
        hospitals=[HOSPITAL],
        quorum=2,
        minimum_accepted=3,
        model_tolerance=0,
        rounds=1,
        verification="encrypted",
        encrypted=settings,
        model_store="public",
        keep_updates=False,
        created_by=PARTIES[0],
    )


def _free_port() -> int:
    with create_server((_HOST, 0)) as listener:
        return int(listener.getsockname()[1])
