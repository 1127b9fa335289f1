# SPDX-License-Identifier: Apache-2.0
"""The local data module of Flower's quickstart-pytorch: made-up images in place of a download, a dense loop.

``Net`` is that example's model, layer for layer; the rest has its names and arguments.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset


class Net(nn.Module):
    """Two convolutions and three dense layers for RGB images of 32x32, 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(functional.relu(self.conv1(x)))
        x = self.pool(functional.relu(self.conv2(x))).flatten(1)
        x = functional.relu(self.fc2(functional.relu(self.fc1(x))))
        logits: torch.Tensor = self.fc3(x)
        return logits


class Images(Dataset[dict[str, torch.Tensor]]):
    """Noise with a class each, of a partition."""

    def __init__(self, partition: int, count: int) -> None:
        drawn = torch.Generator().manual_seed(partition)
        self.images = torch.rand(count, 3, 32, 32, generator=drawn) * 2 - 1
        self.labels = torch.randint(10, (count,), generator=drawn)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"img": self.images[index], "label": self.labels[index]}


Loader = DataLoader[dict[str, torch.Tensor]]


def load_data(partition_id: int, num_partitions: int, batch_size: int) -> tuple[Loader, Loader]:
    return DataLoader(Images(partition_id, 64), batch_size, shuffle=True), DataLoader(Images(100, 32), batch_size)


def train(net: nn.Module, trainloader: Loader, epochs: int, lr: float, device: torch.device) -> float:
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    net.train()
    total = 0.0
    for _ in range(epochs):
        for batch in trainloader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(batch["img"].to(device)), batch["label"].to(device))
            loss.backward()
            optimizer.step()
            total += loss.item()
    return total / (epochs * len(trainloader))


def test(net: nn.Module, testloader: Loader, device: torch.device) -> tuple[float, float]:
    net.eval()
    right, loss, count = 0, 0.0, 0
    with torch.no_grad():
        for batch in testloader:
            outputs, labels = net(batch["img"].to(device)), batch["label"].to(device)
            loss += functional.cross_entropy(outputs, labels).item()
            right += int((outputs.argmax(1) == labels).sum())
            count += len(labels)
    return loss / len(testloader), right / count
