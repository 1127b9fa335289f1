# SPDX-License-Identifier: Apache-2.0
"""Integer inference against float64 torch for the models that ship, and its independence of threads."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from medquorum.core import fixedpoint
from medquorum.core.inference import compile_model
from medquorum.core.model import catalogue, check_range, layout, parse


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(name):
    torch.manual_seed(1)
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    if name == "lenet":
        convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
        dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
        return nn.Sequential(*convolutions, nn.MaxPool2d(2), nn.Flatten(), *dense)
    return torchvision.models.resnet18(num_classes=10)


def trained(name, images, inputs):
    """Return a net after some steps on a made-up task, so that logits and statistics are not those of the start."""
    net = network(name)
    labels = torch.tensor(images.reshape(len(images), -1).astype(np.int64).sum(axis=1) % 10)
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    net.train()
    for _ in range(8 if name == "resnet18" else 40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), labels).backward()
        optimizer.step()
    return net.eval().double()


def tensors_of(net, description):
    state = {
        name: (1 / (values + 1e-5).sqrt() if name.endswith("running_var") else values).numpy()
        for name, values in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    return {
        spec.name: fixedpoint.encode(values) for spec, values in zip(layout(description), state.values(), strict=True)
    }


@pytest.mark.parametrize("name", ["mlp", "lenet", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_agrees_with_float64_torch(name):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (48, 28, 28), dtype=np.uint8)
    channels = 3 if name == "resnet18" else 1
    inputs = ((torch.tensor(images, dtype=torch.float32) / 255 - 0.5) / 0.25)[:, None].expand(-1, channels, -1, -1)
    description = parse(catalogue.describe(name, (1, 28, 28), 10, catalogue.pixel_table(0.5, 0.25)))
    nets = [trained(name, images, inputs), trained(name, images[::-1].copy(), inputs)]
    base, update = (tensors_of(net, description) for net in nets)
    check_range(description, base)
    with torch.no_grad():
        own = nets[0](inputs.double()).numpy()
        mixed_state = {
            key: value if "running" in key else (3 * nets[0].state_dict()[key] + value) / 4
            for key, value in nets[1].state_dict().items()
        }
        nets[1].load_state_dict(mixed_state)
        mixed = nets[1](inputs.double()).numpy()
    for expected, program in (
        (own, compile_model(description, base)),
        (mixed, compile_model(description, base, update, lambda_numerator=3, lambda_bits=2)),
    ):
        tolerance = 0.003 * max(1, np.abs(expected).max() / 10)
        np.testing.assert_allclose(program.logits(images) / 65536, expected, rtol=0, atol=tolerance)


DIGEST = """
import hashlib, sys
import numpy as np
from medquorum.core.model import catalogue
from medquorum.core.inference import compile_model
from medquorum.core.model import parse
from medquorum_testing.inference.tiny_models import random_tensors
description = parse(catalogue.describe("resnet18", (1, 28, 28), 4))
rng = np.random.default_rng(2)
base, update = (random_tensors(description, rng) for _ in range(2))
images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
logits = compile_model(description, base, update, lambda_numerator=1, lambda_bits=1).logits(images)
print(hashlib.sha256(logits.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_thread_count_and_kernels_do_not_matter():
    """One and two threads, and the BLAS kernels of another processor, give the same bytes."""
    settings = [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Haswell"}]
    digests = set()
    for setting in settings:
        result = subprocess.run(
            [sys.executable, "-c", DIGEST], env=os.environ | setting, capture_output=True, text=True, check=True
        )
        digests.add(result.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == hashlib.sha256().digest_size * 2
