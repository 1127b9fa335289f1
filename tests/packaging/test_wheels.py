# SPDX-License-Identifier: Apache-2.0
"""The built wheels alone, in environments of their own: what each needs, how large it gets, what it can do.

Their third-party packages come from the package index.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum_testing.federation.federation import Federation, federation
from medquorum_testing.network.folder_network import NETWORKS
from medquorum_testing.network.networks import Networks, need_fabric
from medquorum_testing.places import REPOSITORY
from medquorum_testing.readme_steps import trade_assets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MEBIBYTE = 1 << 20


class Environment:
    """A virtual environment with nothing but some distributions and what they depend on."""

    def __init__(self, folder: Path, wheels: Path, *distributions: str) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        uv("venv", "--quiet", "--python", sys.executable, str(folder))
        self.pip("install", "--find-links", str(wheels), "--compile-bytecode", *distributions)

    def pip(self, verb: str, *arguments: str) -> None:
        uv("pip", verb, "--quiet", "--python", str(self.bin / "python"), *arguments)

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / program), *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=check, timeout=120)

    def imports(self, *modules: str) -> bool:
        return self.run("python", "-c", f"import {', '.join(modules)}", check=False).returncode == 0

    def has_no_torch(self) -> bool:
        return not self.imports("torch")

    def mebibytes(self) -> float:
        """Size of what is installed, with its bytecode."""
        return sum(path.stat().st_size for path in self.folder.glob("lib/**/*") if path.is_file()) / MEBIBYTE


def uv(*arguments: str) -> None:
    done = subprocess.run([Path(sys.executable).with_name("uv"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    members = ["medquorum-core", "medquorum-shim", "medquorum-chaincode", "medquorum-gateway", "medquorum"]
    members += ["medquorum-network"]
    for member in members:
        uv("build", "--quiet", "--wheel", "--directory", str(REPOSITORY), "--package", member, "--out-dir", str(folder))
    return folder


@pytest.fixture(scope="module")
def client(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("client") / "env", wheels, "medquorum")


@pytest.fixture(scope="module")
def host(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("host") / "env", wheels, "medquorum-chaincode")


@pytest.fixture(scope="module", params=NETWORKS)
def judged(
    request: pytest.FixtureRequest, host: Environment, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Federation]:
    """A federation whose chaincodes are all served from the wheels, one round old."""
    with pytest.MonkeyPatch.context() as patched:
        program = str(host.bin / "medquorum-chaincode")
        patched.setattr("medquorum.network.deployment.chaincodes._own_chaincode", lambda: program)
        running = networks.start(request.param)
        with federation(running, tmp_path_factory.mktemp("fed"), "wheels") as fed:
            fed.finished()
            yield fed
        running.network.down(purge=True)


def test_a_client_needs_neither_torch_nor_chaincode(client: Environment) -> None:
    assert "--round" in client.run("medquorum", "auditor", "verify", "--help").stdout
    assert client.run("medquorum", "auditor", "--help").returncode == 0
    assert client.has_no_torch()
    assert client.imports("medquorum.admin", "medquorum.auditor", "medquorum.hospital")
    assert not client.imports("medquorum.chaincode")
    assert not client.imports("medquorum.verifier")
    assert client.mebibytes() <= 150


def test_the_old_packages_are_not_there(client: Environment) -> None:
    for name in ("clients", "chaincode", "verifier", "network"):
        assert not client.imports(name)


def test_a_part_that_is_not_installed_is_named(client: Environment) -> None:
    told = client.run(
        "medquorum", "data", "split", "--data", "digits", "--out", "shards", "--hospitals", "2", check=False
    )
    assert told.returncode == 10
    assert told.stderr.count("\n") == 1
    assert "pip install 'medquorum[datasets]'" in told.stderr


def test_the_dashboard_is_an_extra(client: Environment) -> None:
    told = client.run("medquorum", "dashboard", "--profile", "connection.json", check=False)
    assert told.returncode == 10
    assert "pip install 'medquorum[dashboard]'" in told.stderr
    assert not client.imports("starlette")
    assert not client.imports("uvicorn")


def test_a_chaincode_host_is_small(host: Environment) -> None:
    assert host.has_no_torch()
    assert not host.imports("medquorum.clients")
    assert host.mebibytes() <= 130


def test_a_gateway_application_is_smaller_still(wheels: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env", wheels, "medquorum-gateway")
    assert environment.imports("medquorum.gateway")
    assert not environment.imports("medquorum.core")
    assert not environment.imports("numpy")
    assert environment.mebibytes() <= 60


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_newcomer_trades_assets_with_gateway_shim_and_network(kind: str, wheels: Path, tmp_path: Path) -> None:
    if kind == "fabric":
        need_fabric()
    environment = Environment(tmp_path / "env", wheels, "medquorum-gateway", "medquorum-shim", "medquorum-network")
    assert environment.has_no_torch()
    assert not environment.imports("medquorum.clients")
    trade_assets(kind, tmp_path, environment.bin)


def test_the_rest_works_when_one_is_uninstalled(wheels: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env", wheels, "medquorum", "medquorum-chaincode")
    environment.pip("uninstall", "medquorum-chaincode")
    assert not environment.imports("medquorum.chaincode")
    assert environment.imports("medquorum.clients.cli", "medquorum.gateway", "medquorum.shim", "medquorum.core")
    environment.pip("uninstall", "medquorum")
    assert environment.imports("medquorum.gateway", "medquorum.shim", "medquorum.core")


def test_an_auditor_verifies_what_a_chaincode_from_wheels_endorsed(client: Environment, judged: Federation) -> None:
    profile = judged.running.profile("Hospital1")
    one = judged.running.consortium.organisation("Hospital1")
    organizations = judged.running.folder.organisation(one).parent
    place = [
        "--profile",
        str(profile),
        "--organizations",
        str(organizations),
        "--state-dir",
        str(client.folder / "state"),
    ]
    told = client.run("medquorum", "auditor", "verify", *place, "--task", "wheels", "--round", "1")
    assert "Hospital1MSP" in told.stdout
