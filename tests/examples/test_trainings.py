# SPDX-License-Identifier: Apache-2.0
"""The READMEs of the examples that train can be followed; something is learned, and proven."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medquorum import admin
from medquorum.clients.data.images import read_shard
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import need_fabric
from medquorum_testing.network.ports import free_port_base
from medquorum_testing.readme_steps import Example

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=NETWORKS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "fabric":
        need_fabric()
    return str(request.param)


def placed(steps: str, kind: str) -> str:
    """Run on that network and on free ports: tests run side by side."""
    assert steps.count("--network devnet") == 1
    return steps.replace("--network devnet", f"--network {kind} --port-base {free_port_base(300)}")


def test_a_hospitals_own_pictures_are_trained_on(kind: str, tmp_path: Path) -> None:
    example = Example(EXAMPLES / "hospital_own_data", tmp_path)
    steps = placed(example.blocks("sh")[0], kind).rstrip() + " --json report.json"
    printed = example.run(steps, 280)
    assert example.blocks("text")[0] in printed
    images = read_shard(example.folder / "mine.npz")
    assert images.pixels.shape == (360, 1, 28, 28)
    report = json.loads((example.folder / "report.json").read_text())
    assert report["network"] == kind
    assert report["poisoned_accepted"] == 0
    assert report["rounds"][-1]["accuracy"] > 0.7


def test_every_round_is_audited(kind: str, tmp_path: Path) -> None:
    example = Example(EXAMPLES / "audit_a_round", tmp_path)
    *audit, take_down = placed(example.blocks("sh")[0], kind).splitlines()
    try:
        printed = example.run("\n".join(audit), 280)
    finally:
        example.run(take_down, 60)
    proven = re.findall(r"round (\d): (\d+) documents proven, endorsed by VerifierAMSP, VerifierBMSP", printed)
    assert [number for number, _ in proven] == ["1", "2"]
    assert len(re.findall(r"^  Hospital\dMSP: (?:accepted|refused)", printed, re.MULTILINE)) == 6
    assert re.search(r"^refused: Hospital1MSP \d, Hospital2MSP \d, Hospital3MSP \d$", printed, re.MULTILINE)


def test_a_network_of_one_s_own_is_trained_and_exported(kind: str, tmp_path: Path) -> None:
    example = Example(EXAMPLES / "own_model", tmp_path)
    *steps, take_down = placed(example.blocks("sh")[0], kind).splitlines()
    try:
        printed = example.run("\n".join(steps), 280)
    finally:
        example.run(take_down, 60)
    assert "1978 parameters" in printed
    # Three threads print: a line may hold two.
    verdicts = re.findall(r"(Hospital\dMSP) round (\d): (accepted|[A-Z_]+)", printed)
    assert sorted(verdicts)[::2] == [(f"Hospital{number}MSP", "1", "accepted") for number in (1, 2, 3)]
    assert {number for _, number, _ in verdicts} == {"1", "2"}


@pytest.mark.timeout(600)
def test_inputs_of_one_s_own_are_trained_on(kind: str, tmp_path: Path) -> None:
    example = Example(EXAMPLES / "own_inputs", tmp_path)
    *steps, take_down = placed(example.blocks("sh")[0], kind).splitlines()
    try:
        printed = example.run("\n".join(steps), 480)
    finally:
        example.run(take_down, 120)
    for name in ("rows", "leads", "encoded", "photographs", "scans"):
        assert printed.count(f"{name}: Hospital1MSP accepted") == 1
        assert printed.count(f"{name}: Hospital2MSP accepted") == 1


def test_pictures_of_a_file_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As MedNIST's: a small DenseNet for as many classes as the file has."""
    monkeypatch.syspath_prepend(EXAMPLES / "own_inputs")
    studies: Any = importlib.import_module("studies")
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (600, 28, 28), np.uint8), np.arange(600) % 6
    np.savez(tmp_path / "pictures.npz", images=images, labels=labels)
    study = studies.scans(random, tmp_path / "pictures.npz")
    assert study.inputs.shape == (480, 1, 28, 28)
    assert (study.classes, study.output.count) == (6, 6)
    given = {(int(label), image.tobytes()) for label, image in zip(labels, images, strict=True)}
    taken = {
        (int(label), one.astype(np.uint8).tobytes()) for label, one in zip(study.labels, study.inputs, strict=True)
    }
    assert taken < given
    document = admin.describe(study.make(), torch.zeros(1, 1, 28, 28), study.numbers, study.output)
    assert [layer["op"] for layer in document["layers"]].count("concat") == 4
