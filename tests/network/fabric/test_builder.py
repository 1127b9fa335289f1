# SPDX-License-Identifier: Apache-2.0
"""The deterministic package and the external builder's three programs."""

import gzip
import io
import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.package import make_package, package_id
from medquorum.network.fabric.builder import BUILDER_VARIABLE, builder_folder, install, set_target, targets_file
from medquorum.network.identity.crypto import generate


def unpack(data: bytes, home: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive.getmembers():
            found = archive.extractfile(member)
            assert found is not None
            (home / member.name).write_bytes(found.read())


@pytest.fixture
def made(tmp_path: Path) -> tuple[Consortium, NetworkFolder]:
    consortium = sample("small", hospitals=1)
    folder = NetworkFolder(tmp_path / "network folder")
    generate(consortium, folder)
    install(folder)
    return consortium, folder


def run(
    folder: NetworkFolder, step: str, *arguments: Path, targets: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], BUILDER_VARIABLE: str(targets)}
    command = [str(builder_folder(folder) / "bin" / step), *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_package_is_the_same_bytes_each_time() -> None:
    package = make_package("medquorum_1.0")
    assert package == make_package("medquorum_1.0")
    assert gzip.decompress(package)
    known = "medquorum_1.0:2a08e89405a93608168a0070c41733daa34d925c937289e79e37bdeb3f90e9ef"
    assert package_id("medquorum_1.0", package) == known
    assert package_id("medquorum_1.0", package) != package_id("medquorum_1.1", make_package("medquorum_1.1"))


def test_detect_build_release(made: tuple[Consortium, NetworkFolder], tmp_path: Path) -> None:
    consortium, folder = made
    one = consortium.organisation("VerifierA")
    source, metadata, built, release = (tmp_path / name for name in ("source", "metadata", "built", "release"))
    for path in (source, metadata, built, release):
        path.mkdir()
    unpack(make_package("asset_1.0"), metadata)
    unpack((metadata / "code.tar.gz").read_bytes(), source)
    set_target(folder, one, "asset_1.0", "127.0.0.1:9999")
    targets = targets_file(folder, one)
    assert run(folder, "detect", source, metadata).returncode == 0
    done = run(folder, "build", source, metadata, built, targets=targets)
    assert done.returncode == 0, done.stderr
    assert run(folder, "release", built, release).returncode == 0
    path = release / "chaincode" / "server" / "connection.json"
    connection = json.loads(path.read_text())
    assert connection["address"] == "127.0.0.1:9999"
    assert connection["root_cert"] == folder.tls_ca(one).read_text()
    assert connection["client_key"] == (folder.node_tls(one) / "server.key").read_text()
    assert "{{" not in path.read_text()
    assert stat.S_IMODE((built / "connection.json").stat().st_mode) == 0o600


def test_other_packages_are_left_to_others(made: tuple[Consortium, NetworkFolder], tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"type": "golang", "label": "x_1"}')
    assert run(made[1], "detect", tmp_path, tmp_path).returncode == 1


def test_an_unknown_chaincode_is_refused_with_the_remedy(
    made: tuple[Consortium, NetworkFolder], tmp_path: Path
) -> None:
    consortium, folder = made
    one = consortium.organisation("VerifierA")
    set_target(folder, one, "asset_1.0", "127.0.0.1:9999")
    (tmp_path / "metadata.json").write_text('{"type": "ccaas", "label": "other_1.0"}')
    done = run(folder, "build", tmp_path, tmp_path, tmp_path, targets=targets_file(folder, one))
    assert done.returncode == 1
    assert "other_1.0: run `medquorum-network deployCC`" in done.stderr
