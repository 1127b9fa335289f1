# SPDX-License-Identifier: Apache-2.0
"""A network of one's own, all parts of its training on one computer: ``python own_model.py network``.

``Net`` and ``fit`` know nothing of Medquorum. ``take_part`` is a hospital's part, ``create_task`` the coordinator's.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from medquorum import admin, hospital

TASK = "own"
HOSPITALS = 3
MEAN, DEVIATION = 0.3, 0.4


class Net(nn.Module):
    """A small residual network for 10 classes of 8x8 images, one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(8 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, 10) of images (n, 1, 8, 8)."""
        first = functional.relu(self.norm(self.stem(images)))
        second = functional.relu(first + self.conv(first))
        logits: torch.Tensor = self.head(self.dropout(functional.max_pool2d(second, 2).flatten(1)))
        return logits


def fit(net: Net, images: torch.Tensor, labels: torch.Tensor, epochs: int = 10) -> Net:
    """Train in place with momentum, weight decay and smoothed labels."""
    net.train()
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(images)), 32):
            optimizer.zero_grad()
            loss_of(net(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    return net


def take_part(profile: Path, images: torch.Tensor, labels: torch.Tensor, state: Path) -> None:
    """Train in every round of the task, then keep its last model as ONNX."""
    with hospital.connect(profile, state=state) as connection:
        task = connection.task(TASK)
        for base in task.each_round(timeout=120):
            net = fit(base.load_into(Net()), images, labels)
            verdict = task.submit(net).wait(timeout=120)
            print(f"{connection.msp} round {verdict.round}: {'accepted' if verdict.accepted else verdict.reason}")
        task.model().export(state / "model.onnx")


def create_task(
    profile: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], mounted: list[Path], state: Path
) -> None:
    """Create a task of two rounds whose verifiers judge on these images, which are written to ``mounted``."""
    net = Net()
    document = admin.describe(net, torch.zeros(1, 1, 8, 8), admin.Pixels(MEAN, DEVIATION), images=images)
    cost = document.check("encrypted", images=len(images))
    print(f"{cost.parameters} parameters; encrypted it would take {cost.comparisons} comparisons an image")
    judged = admin.verification_set(images, labels)
    for path in mounted:
        path.parent.mkdir(parents=True, exist_ok=True)
        judged.write(path)
    with admin.connect(profile, state=state) as connection:
        dataset = judged.commitment()
        connection.create_task(TASK, document, initial=net, rounds=2, dataset=dataset, dataset_size=len(images))


def main(network: Path) -> None:
    """Create the task, start verifiers and coordinator, and take part as three hospitals."""

    def home(name: str) -> Path:
        return network / "organizations" / "peerOrganizations" / f"{name}.example.com"

    def profile(name: str) -> Path:
        return home(name) / f"connection-{name}.json"

    torch.manual_seed(0)
    state = network / "own-model"
    digits = load_digits()
    pixels, labels = (digits.images * 255 / 16).round().astype(np.uint8), digits.target.astype(np.int64)
    mounted = [home(name) / "verification" / f"{TASK}.safetensors" for name in ("verifiera", "verifierb")]
    create_task(profile("coordinator"), pixels[:200], labels[:200], mounted, state / "admin")
    command = [sys.executable, "-m", "medquorum.clients"]
    roles = {"verifiera": "verifier", "verifierb": "verifier", "coordinator": "coordinator"}
    running = [
        subprocess.Popen(
            [*command, role, "run", "--task", TASK, "--profile", profile(name), "--state-dir", state / name],
            stdout=subprocess.DEVNULL,
        )
        for name, role in roles.items()
    ]
    numbers = ((torch.from_numpy(pixels[200:]).float() / 255 - MEAN) / DEVIATION)[:, None]
    classes = torch.from_numpy(labels[200:])
    with ThreadPoolExecutor() as threads:
        parts = [
            threads.submit(take_part, profile(name), numbers[first::HOSPITALS], classes[first::HOSPITALS], state / name)
            for first, name in enumerate(f"hospital{number + 1}" for number in range(HOSPITALS))
        ]
    for part in parts:
        part.result()
    for process in running:
        process.wait(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
