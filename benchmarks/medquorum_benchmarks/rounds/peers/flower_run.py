# SPDX-License-Identifier: Apache-2.0
"""Flower's FedAvg on dealt data; runs in an interpreter of its own: Flower is no dependency of this project.

``python -m medquorum_benchmarks.rounds.peers.flower_run FOLDER HOSPITALS ROUNDS EPOCHS BATCH``, where FOLDER has
``hospital1.npz`` and so on. The model, optimiser and batches are the benchmark's: a dense net with one hidden layer,
Adam with a rate of 0.001. Flower's simulation keeps one worker a core alive. Prints one line of JSON: the seconds of
each round, from the moment the server makes its messages until it has the average. Nothing is evaluated.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

HIDDEN = 128


def _network(pixels: int, classes: int) -> torch.nn.Module:
    layers = (torch.nn.Flatten(), torch.nn.Linear(pixels, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, classes))
    return torch.nn.Sequential(*layers)


@functools.cache
def _dealt(path: Path) -> tuple[TensorDataset, int, int]:
    """Return a hospital's images and labels, the number of its pixels and of its classes; read once a worker."""
    with np.load(path) as arrays:
        images = torch.from_numpy(arrays["images"].astype(np.float32) / 255)
        labels = torch.from_numpy(arrays["labels"].astype(np.int64))
    return TensorDataset(images, labels), int(images[0].numel()), int(labels.max()) + 1


def _train(model: torch.nn.Module, data: TensorDataset, epochs: int, batch: int) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = DataLoader(data, batch_size=batch, shuffle=True)
    for _ in range(epochs):
        for images, labels in loader:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimiser.step()


def run(folder: Path, hospitals: int, rounds: int, epochs: int, batch: int) -> list[float]:
    """Train in Flower's simulation; return the seconds of each round."""
    record: Any = importlib.import_module("flwr.app")
    client: Any = importlib.import_module("flwr.clientapp").ClientApp()
    server: Any = importlib.import_module("flwr.serverapp").ServerApp()
    fed_avg: Any = importlib.import_module("flwr.serverapp.strategy").FedAvg
    simulation: Any = importlib.import_module("flwr.simulation")
    _, pixels, classes = _dealt(folder / "hospital1.npz")
    times: list[float] = []

    class TimedFedAvg(fed_avg):  # type: ignore[misc]
        """FedAvg that notes when each round begins and ends."""

        def configure_train(self, *arguments: Any, **named: Any) -> Any:
            times.append(time.monotonic())
            return super().configure_train(*arguments, **named)

        def aggregate_train(self, *arguments: Any, **named: Any) -> Any:
            average = super().aggregate_train(*arguments, **named)
            times.append(time.monotonic())
            return average

    @client.train()  # type: ignore[untyped-decorator]
    def train(message: Any, context: Any) -> Any:
        torch.set_num_threads(1)
        model = _network(pixels, classes)
        model.load_state_dict(message.content["arrays"].to_torch_state_dict())
        data, _, _ = _dealt(folder / f"hospital{int(context.node_config['partition-id']) + 1}.npz")
        _train(model, data, epochs, batch)
        arrays = record.ArrayRecord(model.state_dict())
        metrics = record.MetricRecord({"num-examples": len(data)})
        content = record.RecordDict({"arrays": arrays, "metrics": metrics})
        return record.Message(content=content, reply_to=message)

    @server.main()  # type: ignore[untyped-decorator]
    def main(grid: Any, context: Any) -> None:
        strategy = TimedFedAvg(fraction_evaluate=0.0, min_train_nodes=hospitals, min_available_nodes=hospitals)
        initial = record.ArrayRecord(_network(pixels, classes).state_dict())
        strategy.start(grid=grid, initial_arrays=initial, num_rounds=rounds)

    resources = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    simulation.run_simulation(server, client, num_supernodes=hospitals, backend_config=resources)
    begun, ended = times[::2], times[1::2]
    return [end - begin for begin, end in zip(begun, ended, strict=True)]


if __name__ == "__main__":
    # Workers look the functions up by this module's name, which is not the program's.
    program: Any = importlib.import_module("medquorum_benchmarks.rounds.peers.flower_run")
    print(json.dumps({"seconds": program.run(Path(sys.argv[1]), *map(int, sys.argv[2:]))}))
