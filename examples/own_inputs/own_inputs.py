# SPDX-License-Identifier: Apache-2.0
"""A table and an ECG-like signal, one round of each on one computer: ``python own_inputs.py network``.

The data are made up. ``Rows`` gives one logit, ``Leads`` one for each of three labels.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from medquorum import admin, hospital

HOSPITALS = 2
JUDGED = 80
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class Rows(nn.Module):
    """A small network for rows of 13 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.1), nn.Linear(16, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 1) of rows (n, 13)."""
        logits: torch.Tensor = self.layers(rows)
        return logits


class Leads(nn.Module):
    """A small network of one dimension for signals of two leads."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, 8, 7, stride=2, padding=3, bias=False), nn.BatchNorm1d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=2, bias=False), nn.BatchNorm1d(8))
        self.head = nn.Linear(16, 3)

    def forward(self, leads: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 3) of signals (n, 2, time)."""
        first = self.stem(leads)
        second = functional.relu(first + self.body(first))
        pooled = functional.adaptive_max_pool1d(second, 1), functional.adaptive_avg_pool1d(second, 1)
        logits: torch.Tensor = self.head(torch.cat(pooled, dim=1).flatten(1))
        return logits


@dataclass(frozen=True)
class Study:
    """One task: a network, its inputs and labels, and what its logits mean."""

    name: str
    net: nn.Module
    inputs: Floats
    labels: Labels
    output: admin.Logit | admin.Labels

    @property
    def numbers(self) -> admin.Numbers:
        """Each channel's mean and deviation, as all hospitals agreed on."""
        channels = np.moveaxis(self.inputs, 1, 0).reshape(self.inputs.shape[1], -1)
        return admin.Numbers(channels.mean(axis=1).tolist(), channels.std(axis=1).tolist())

    def standardised(self, part: slice) -> torch.Tensor:
        """Return a part of the inputs as the network takes them."""
        shape = (1, -1, *[1] * (self.inputs.ndim - 2))
        mean, deviation = (np.reshape(each, shape) for each in (self.numbers.mean, self.numbers.deviation))
        return torch.from_numpy((self.inputs[part] - mean) / deviation).float()


def rows(random: np.random.Generator) -> Study:
    """Make rows of unlike units, labelled by a weighted sum of them."""
    standard = random.normal(size=(480, 13))
    labels = (standard @ random.normal(size=13) > 0).astype(np.int64)
    return Study("rows", Rows(), standard * np.linspace(0.1, 90, 13) + 50, labels, admin.Logit())


def leads(random: np.random.Generator) -> Study:
    """Make noisy signals with three kinds of beats; a signal may have several."""
    labels = random.integers(0, 2, (480, 3))
    beats = np.stack([np.sin(np.arange(60) * step) for step in (0.3, 0.8, 1.7)])
    signal = labels @ beats + random.normal(0, 0.4, (480, 60))
    return Study("leads", Leads(), np.stack([signal, -0.5 * signal], axis=1), labels, admin.Labels(3))


def fit(net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train in place; of one logit and of several labels the loss is the same."""
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(15):
        for chosen in torch.split(torch.randperm(len(inputs)), 32):
            optimizer.zero_grad()
            logits = net(inputs[chosen])
            loss: Any = functional.binary_cross_entropy_with_logits(logits, labels[chosen].reshape(logits.shape))
            loss.backward()
            optimizer.step()
    return net


def take_part(study: Study, net: nn.Module, profile: Path, part: slice, state: Path) -> str:
    """Train in the task's round and return the verdict."""
    inputs, labels = study.standardised(part), torch.from_numpy(study.labels[part]).float()
    said = "no round"
    with hospital.connect(profile, state=state) as connection:
        task = connection.task(study.name)
        for base in task.each_round(timeout=120):
            verdict = task.submit(fit(base.load_into(net), inputs, labels)).wait(timeout=120)
            said = "accepted" if verdict.accepted else str(verdict.reason)
        return f"{study.name}: {connection.msp} {said}"


def main(network: Path) -> None:
    """Create each task, start verifiers and coordinator, and take part as two hospitals."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    for study in (rows(random), leads(random)):
        print("\n".join(run(study, network)), flush=True)


def run(study: Study, network: Path) -> list[str]:
    """Play all parts of one task and return the hospitals' verdicts."""
    homes = network / "organizations" / "peerOrganizations"

    def profile(name: str) -> Path:
        return homes / f"{name}.example.com" / f"connection-{name}.json"

    state = network / f"own-{study.name}"
    example = torch.zeros(1, *study.inputs.shape[1:])
    document = admin.describe(study.net, example, study.numbers, study.output)
    count = 3 if study.labels.ndim == 2 else 2
    judged = admin.verification_set(study.inputs[:JUDGED], study.labels[:JUDGED], count, numbers=True)
    for name in ("verifiera", "verifierb"):
        judged.write(homes / f"{name}.example.com" / "verification" / f"{study.name}.safetensors")
    with admin.connect(profile("coordinator"), state=state / "admin") as connection:
        about: dict[str, Any] = {"dataset": judged.commitment(), "dataset_size": JUDGED, "rounds": 1}
        members = {"hospitals": [f"Hospital{number + 1}MSP" for number in range(HOSPITALS)]}
        connection.create_task(study.name, document, initial=study.net, **about, settings=members)
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
            part = slice(JUDGED + number, None, HOSPITALS)
            net = type(study.net)()
            parts.append(threads.submit(take_part, study, net, profile(name), part, state / name))
    for process in running:
        process.wait(60)
    return [part.result() for part in parts]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
