# SPDX-License-Identifier: Apache-2.0
"""Five kinds of inputs, one round of each on one computer: ``python own_inputs.py network [PICTURES.npz]``.

``studies.py`` has the networks and the data, which are made up. Only ``scans`` takes the pictures of a file.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from studies import Study, encoded, leads, photographs, rows, scans
from torch import nn
from torch.nn import functional

from medquorum import admin, hospital

HOSPITALS = 2


def loss_of(study: Study, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss; of one logit and of several labels it is the same."""
    if isinstance(study.output, admin.Classes):
        return functional.cross_entropy(logits, labels)
    return functional.binary_cross_entropy_with_logits(logits, labels.float().reshape(logits.shape))


def fit(study: Study, net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train in place."""
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    for _ in range(study.epochs):
        for chosen in torch.split(torch.randperm(len(inputs)), 8):
            optimizer.zero_grad()
            loss: Any = loss_of(study, net(inputs[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
    return net


def take_part(study: Study, profile: Path, part: slice, state: Path) -> str:
    """Train in the task's round and return the verdict."""
    inputs, labels = study.standardised(part), torch.from_numpy(study.labels[part])
    said = "no round"
    with hospital.connect(profile, state=state) as connection:
        task = connection.task(study.name)
        for base in task.each_round(timeout=300):
            verdict = task.submit(fit(study, base.load_into(study.make()), inputs, labels)).wait(timeout=300)
            said = "accepted" if verdict.accepted else str(verdict.reason)
        return f"{study.name}: {connection.msp} {said}"


def main(network: Path, file: Path | None = None) -> None:
    """Create each task, start verifiers and coordinator, and take part as two hospitals."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    for make in (rows, leads, encoded, photographs, partial(scans, file=file)):
        print("\n".join(run(make(random), network)), flush=True)


def run(study: Study, network: Path) -> list[str]:
    """Play all parts of one task and return the hospitals' verdicts."""
    homes = network / "organizations" / "peerOrganizations"

    def profile(name: str) -> Path:
        return homes / f"{name}.example.com" / f"connection-{name}.json"

    state = network / f"own-{study.name}"
    net = study.make()
    example = torch.zeros(1, *study.inputs.shape[1:])
    document = admin.describe(net, example, study.numbers, study.output)
    inputs, labels = study.inputs[: study.judged], study.labels[: study.judged]
    judged = admin.verification_set(inputs, labels, study.classes, numbers=True)
    for name in ("verifiera", "verifierb"):
        judged.write(homes / f"{name}.example.com" / "verification" / f"{study.name}.safetensors")
    with admin.connect(profile("coordinator"), state=state / "admin") as connection:
        about: dict[str, Any] = {"dataset": judged.commitment(), "dataset_size": study.judged, "rounds": 1}
        rule = {"name": "slack", "slack": 200}  # so few cases and steps: an update may be a little worse
        members = {"hospitals": [f"Hospital{number + 1}MSP" for number in range(HOSPITALS)]}
        connection.create_task(study.name, document, initial=net, rule=rule, **about, settings=members)
    roles = {"verifiera": "verifier", "verifierb": "verifier", "coordinator": "coordinator"}
    running = []
    for name, role in roles.items():
        options = ["--task", study.name, "--profile", str(profile(name)), "--state-dir", str(state / name)]
        command = [sys.executable, "-m", "medquorum.clients", role, "run", *options]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    with ThreadPoolExecutor() as threads:
        parts = []
        for number in range(HOSPITALS):
            name = f"hospital{number + 1}"
            part = slice(study.judged + number, None, HOSPITALS)
            parts.append(threads.submit(take_part, study, profile(name), part, state / name))
    for process in running:
        process.wait(300)
    return [part.result() for part in parts]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
