# SPDX-License-Identifier: Apache-2.0
"""Start dealer, P0 and P1 as processes (``peers.roles``), and measure a verification's costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from medquorum.network.identity.authority import Validity, new_authority
from medquorum.verifier.arithmetic.kernels.library import path_in_use
from medquorum.verifier.comparison.backends import Comparing
from medquorum.verifier.offline.cost_model import fitting_batch
from medquorum.verifier.offline.plan_message import PlanDocument
from medquorum_benchmarks.verification.peers.hosts import Hosts
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_benchmarks.verification.peers.roles import DEALER, PARTIES

__all__ = ["answer", "identities", "measure", "say", "started", "verify"]

_HELD = 2 << 30
"""Most bytes of material that a party holds in advance: fewer batches than asked for are run where they need more."""
_LAMBDA_BITS = 1
_LOOPBACK = "127.0.0.1"
_UNIT = 1 << 16


def measure(
    network: Network, back_end: Comparing, batch: int, repeats: int, hosts: Hosts | None = None
) -> dict[str, Any]:
    """Verify twice: two batches with material as it comes, then several twos with all material there before.

    All on this host, or P0, P1 and dealer on the first three ``hosts``.

    Where so many images' material does not fit, as many are ``evaluated`` together as do (`fitting_batch`).
    Seconds are the slower party's, of the median two batches, which take turns; bytes of both parties together, as TCP
    carried them. ``party_processor_s``: user's and system's seconds of the busier party's process, of the median two.
    Peaks are of whole processes; ``start_bytes`` are there before anything is done: Python, numpy, torch, gRPC.
    """
    streamed = verify(network, back_end, batch, 2, hosts, ahead=False)
    material = max(report["costs"][1]["material"] for report in streamed["parties"])
    fitting = fitting_batch(_plan(network, back_end, batch, batch).plan(), batch, back_end)
    count = int(max(1, min(repeats, _HELD // material)))
    stocked = verify(network, back_end, fitting, 2 * count, hosts, ahead=True)
    reports, images = stocked["parties"], 2 * fitting
    online = median(_slower(reports, index, "seconds") for index in range(1, count + 1))
    dealt = median(max(report["dealt"][index] for report in reports) for index in range(1, count + 1))
    return {
        "who": f"ours, {back_end}",
        "kernels": path_in_use(),
        "evaluated": fitting,
        "online_s": online / images,
        "with_dealer_s": (online + dealt) / images,
        "wire_bytes": _both(reports, 1, "received") / images,
        "dealer_bytes": _both(reports, 1, "material") / images,
        "rounds": reports[0]["costs"][1]["rounds"] // 2,
        "peak_bytes": [report["peak"] for report in streamed["parties"]],
        "start_bytes": max(report["start"] for report in streamed["parties"]),
        "dealer_peak_bytes": streamed["dealer"]["peak"],
        "logit_error": _error(network, reports, images * count),
        "batches": 2 * count,
        "party_processor_s": median(_slower(reports, index, "processor") for index in range(1, count + 1)) / images,
        "model_online_s": _slower(reports, 0, "seconds"),
        "model_dealer_s": max(report["dealt"][0] for report in reports),
        "model_wire_bytes": _both(reports, 0, "received"),
        "model_dealer_bytes": _both(reports, 0, "material"),
        "whole_s": max(report["whole"] for report in streamed["parties"]),
    }


def _slower(reports: list[dict[str, Any]], index: int, field: str) -> float:
    return float(max(report["costs"][index][field] for report in reports))


def _both(reports: list[dict[str, Any]], index: int, field: str) -> float:
    return float(sum(report["costs"][index][field] for report in reports))


def _error(network: Network, reports: list[dict[str, Any]], count: int) -> float:
    """Return the largest distance of the opened logits from float64 ones."""
    total = sum(np.array(report["logits"], dtype=np.int64) for report in reports)
    opened = np.asarray(total).astype(np.int32) / _UNIT  # shares are modulo 2^32
    images, _ = network.images(count)
    return float(np.abs(opened - network.logits(images)).max())


def _plan(network: Network, back_end: Comparing, batch: int, images: int) -> PlanDocument:
    return PlanDocument(
        parties=PARTIES,
        model=network.description,
        subjects=("mixed",),
        lambda_numerator=1,
        lambda_bits=_LAMBDA_BITS,
        grayscale=True,
        norm=None,
        per_class=False,
        comparison=back_end,
        batch=batch,
        images=images,
        first_batch=0,
        needed=0,
        updates=0,
    )


def verify(
    network: Network, back_end: Comparing, batch: int, batches: int, hosts: Hosts | None, *, ahead: bool
) -> dict[str, Any]:
    """Verify some batches, the dealer's material as it comes or all of it ``ahead``; return what the roles tell."""
    plan = _plan(network, back_end, batch, batch * batches)
    part = {"model": network.name, "plan": plan.document(), "ahead": ahead}
    roles = (*PARTIES, DEALER)
    places = dict(zip(roles, hosts.addresses if hosts else [_LOOPBACK] * 3, strict=True))
    known = identities(places)
    with ExitStack() as stack:

        def start(role: str, **more: str) -> subprocess.Popen[str]:
            before = hosts.command(roles.index(role)) if hosts else []
            own = {**part, **known[role], "host": places[role], "role": role}
            return stack.enter_context(started({**own, **more}, before))

        dealer = start(DEALER)
        address = answer(dealer)["address"]
        first = start(PARTIES[0], dealer=address)
        second = start(PARTIES[1], dealer=address, line=answer(first)["address"])
        answer(second)
        parties = [answer(first), answer(second)]
        say(dealer, {})
        return {"parties": parties, "dealer": answer(dealer)}


def identities(places: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Make every organisation's TLS authority, and a certificate for its address."""
    valid = Validity.years(1)
    made = {name: new_authority("tlsca", f"{name.lower()}.example.com", valid) for name in places}
    known = {name: authority.pem.decode() for name, authority in made.items()}
    result = {}
    for name, authority in made.items():
        key, certificate = authority.issue(f"service.{name}", None, ("localhost", places[name]), tls=True)
        own = (
            certificate.public_bytes(Encoding.PEM).decode(),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )
        result[name] = {"own": own, "authorities": known}
    return result


@contextmanager
def started(part: dict[str, Any], before: Sequence[str] = (), module: str = "roles") -> Iterator[subprocess.Popen[str]]:
    """Run a process of ``medquorum_benchmarks.verification.peers`` with its part, after the words ``before``."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [*before, sys.executable, "-m", f"medquorum_benchmarks.verification.peers.{module}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            say(process, part)
            yield process
        except BaseException:
            process.kill()
            raise


def say(process: subprocess.Popen[str], document: dict[str, Any]) -> None:
    """Send a process a line."""
    if process.stdin is not None:
        process.stdin.write(json.dumps(document) + "\n")
        process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read a process' next line.

    Raises
    ------
    RuntimeError
        It has ended; with what it told last.
    """
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        told = process.stderr.read() if process.stderr is not None else ""
        raise RuntimeError(f"a role of the verification has ended:\n{told[-2000:]}")
    document: dict[str, Any] = json.loads(line)
    return document
