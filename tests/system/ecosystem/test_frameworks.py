# SPDX-License-Identifier: Apache-2.0
"""Two hospitals train one model with two frameworks' public example clients, against the ledger alone.

``flower/pytorchexample/client_app.py`` is Flower's quickstart-pytorch client byte for byte, its data module is made up;
``nvflare/client.py`` is NVFlare's hello-pt client with one changed line.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from medquorum import admin, hospital
from medquorum_testing.federation.role_process import RoleProcess
from medquorum_testing.foreign_python import foreign_python, run_installer
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks, RunningNetwork

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TASK = "frameworks"
ROUNDS = 2
FLOWER = f"""
import json
from medquorum.flower import run_client_app
run_client_app(
    "pytorchexample.client_app:app", task="{TASK}", profile="PROFILE", state="STATE",
    run_config={{"local-epochs": 1, "batch-size": 16}}, node_config={{"partition-id": 0, "num-partitions": 1}},
    message_config={{"lr": 0.01}}, on_event=lambda event: print(json.dumps(dict(event)), flush=True),
)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with Flower, NVFlare and this project as it stands."""
    requirements = (HERE / "requirements.txt").read_text()
    wanted = [f"torch=={importlib.metadata.version('torch')}"]
    wanted += [text for part in ("core", "clients/gateway", "clients/roles") for text in ("-e", str(ROOT / part))]

    def install(environment: Path) -> None:
        uv = Path(sys.executable).with_name("uv")
        run_installer([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment])
        own = environment / "bin" / "python"
        run_installer([uv, "pip", "install", "--quiet", "--python", own, "-r", HERE / "requirements.txt", *wanted])

    return foreign_python("frameworks", json.dumps([requirements, *wanted, sys.version]).encode(), install)


@pytest.fixture(scope="module", params=NETWORKS)
def running(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningNetwork]:
    made = networks.start(request.param, hospitals=2)
    made.deploy("medquorum", None)
    made.await_acquaintance("medquorum")
    members = {one.msp_id: list(one.roles) for one in made.consortium.organisations}
    state = tmp_path_factory.mktemp("founder")
    with admin.connect(made.profile("VerifierA"), "Admin", state=state) as founder:
        founder.init_consortium({"quorum": made.consortium.quorum, "members": members})
    yield made
    made.network.down(purge=True)


@pytest.fixture
def roles(running: RunningNetwork, tmp_path: Path) -> Iterator[list[RoleProcess]]:
    """The verifiers and the coordinator of a task, whose rule accepts every update in range."""
    random = np.random.default_rng(7)
    images, labels = random.integers(0, 256, (40, 32, 32, 3), np.uint8), np.arange(40) % 10
    judged = admin.verification_set(images, labels)
    verifiers = running.consortium.having("verifier")
    for one in verifiers:
        folder = running.folder.verification(one)
        folder.mkdir(parents=True, exist_ok=True)
        judged.write(folder / f"{TASK}.safetensors")
    net = public_net()
    document = admin.describe(net, torch.zeros(1, 3, 32, 32), admin.Pixels(0.5, 0.5))
    with admin.connect(running.profile("Coordinator"), state=tmp_path / "admin") as coordinator:
        named = {"dataset": judged.commitment(), "dataset_size": len(images), "rule": {"name": "none"}}
        coordinator.create_task(TASK, document, initial=net, rounds=ROUNDS, **named)
    started = []
    for name, kind in [*((one.name, "verifier") for one in verifiers), ("Coordinator", "coordinator")]:
        process = RoleProcess(name, tmp_path / f"{name}.log")
        place = ["--profile", str(running.profile(name)), "--state-dir", str(tmp_path / name)]
        process.start([kind, "run", "--task", TASK, *place])
        started.append(process)
    yield started
    for process in started:
        process.kill()


def public_net() -> nn.Module:
    """Return the model of the NVFlare example, which is Flower's too."""
    spec = importlib.util.spec_from_file_location("hello_pt_model", HERE / "nvflare" / "model.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    made: nn.Module = module.SimpleNetwork()
    return made


def start(command: list[str], folder: Path, log: Path, **environment: str) -> subprocess.Popen[bytes]:
    quiet = {"FLWR_TELEMETRY_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | quiet | environment
        )


def test_flowers_client_is_the_public_one_and_nvflares_but_for_one_line() -> None:
    flower = (HERE / "flower" / "pytorchexample" / "client_app.py").read_bytes()
    assert hashlib.sha256(flower).hexdigest() == "36070e6760cf4dcf1ae985edf5fcb13a39c01d9ba6831c3c2daf24252fa8a4b6"
    nvflare = (HERE / "nvflare" / "client.py").read_bytes()
    back = nvflare.replace(b"import medquorum.nvflare as flare\n", b"import nvflare.client as flare\n")
    assert hashlib.sha256(back).hexdigest() == "b065ac23e74a7eba26a63af5bbb7946569d8c3e3543fafa277674457b88c46b0"


def test_a_flower_and_an_nvflare_client_train_one_model(
    running: RunningNetwork, python: Path, roles: list[RoleProcess], tmp_path: Path
) -> None:
    one, two = running.profile("Hospital1"), running.profile("Hospital2")
    program = FLOWER.replace("PROFILE", str(one)).replace("STATE", str(tmp_path / "one"))
    flower_log, nvflare_log = tmp_path / "flower.log", tmp_path / "nvflare.log"
    flower = start([str(python), "-c", program], HERE / "flower", flower_log, PYTHONPATH=str(HERE / "flower"))
    sizes = ["--epochs", "1", "--train_size", "64", "--test_size", "32", "--num_workers", "0", "--synthetic_data"]
    nvflare = start(
        [str(python), str(HERE / "nvflare" / "client.py"), *sizes],
        tmp_path,
        nvflare_log,
        MEDQUORUM_PROFILE=str(two),
        MEDQUORUM_TASK=TASK,
        MEDQUORUM_STATE=str(tmp_path / "two"),
    )
    try:
        codes = (flower.wait(200), nvflare.wait(60))
    finally:
        for process in (flower, nvflare):
            process.kill()
            process.wait()
    told = f"{flower_log.read_text()[-3000:]}\n{nvflare_log.read_text()[-3000:]}"
    assert codes == (0, 0), told
    events: list[dict[str, Any]] = [
        json.loads(line) for line in flower_log.read_text().splitlines() if line.startswith("{")
    ]
    measured = [event for event in events if event["event"] == "global_model" and "eval_acc" in event]
    assert measured, told
    for profile, state in ((one, "one"), (two, "two")):
        with hospital.connect(profile, state=tmp_path / state) as connection:
            rounds = connection.task(TASK).history()
            assert [row.outcome for row in rounds] == ["accepted"] * ROUNDS, told
