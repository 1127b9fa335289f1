# SPDX-License-Identifier: Apache-2.0
"""What the seven distributions have in common, and what keeps their one namespace whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from medquorum_testing.places import REPOSITORY

FOLDERS = ["core", "chaincode/shim", "chaincode/contract", "clients/gateway", "clients/roles", "verifier", "network"]
PORTIONS = ["errors", "core", "shim", "chaincode", "gateway", "clients", "verifier", "network"]
FACADES = ["hospital", "admin", "auditor", "flower", "nvflare"]


def project(folder: str) -> dict[str, Any]:
    with (REPOSITORY / folder / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


def test_versions_are_one_and_members_pin_each_other() -> None:
    projects = [project(folder) for folder in FOLDERS]
    names = {one["name"] for one in projects}
    (version,) = {one["version"] for one in projects}
    for one in projects:
        optional = one.get("optional-dependencies", {}).values()
        for wanted in [*one["dependencies"], *(item for group in optional for item in group)]:
            name = re.match(r"[A-Za-z0-9-]+", wanted)
            assert name is not None
            if name[0] in names:
                assert wanted.endswith(f"=={version}"), f"{one['name']} wants {wanted}"


def test_members_name_the_same_addresses() -> None:
    """None before the repository is published."""
    first, *others = (project(folder).get("urls", {}) for folder in FOLDERS)
    assert all(other == first for other in others)


def test_every_member_has_the_licence_a_readme_and_the_marker() -> None:
    licence = (REPOSITORY / "LICENSE").read_bytes()
    for folder in FOLDERS:
        place = REPOSITORY / folder
        assert (place / "LICENSE").read_bytes() == licence
        assert (place / "README.md").is_file()
        for portion in (place / "src" / "medquorum").iterdir():
            if portion.name != "__pycache__":
                assert (portion / "__init__.py").is_file(), f"{portion} would be an empty namespace"
                assert (portion / "py.typed").is_file(), f"{portion} would not be typed"


def test_nothing_takes_the_namespace_for_itself() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    names = tracked.splitlines()
    assert not [name for name in names if name.endswith(("medquorum/__init__.py", "medquorum.py"))]
    assert not [name for name in names if name.count("/") == 1 and name.endswith("/__init__.py")]
    portions = {Path(name).parts for name in names if "/src/medquorum/" in name}
    inside = {parts[parts.index("src") + 2] for parts in portions}
    assert inside == {*PORTIONS, *FACADES}


@pytest.mark.parametrize("name", ["clients", "chaincode", "verifier", "network"])
def test_the_old_names_are_no_packages(tmp_path: Path, name: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=tmp_path, capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("name", ["clients", "chaincode.shim", "verifier", "network", "core", "scripts", "benchmarks"])
def test_lint_refuses_the_repository_s_folders_as_packages(name: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "example.py", "-"]
    done = subprocess.run(command, cwd=REPOSITORY, input=f"import {name}\n", capture_output=True, text=True)
    assert "TID251" in done.stdout


def test_a_clone_named_medquorum_confuses_nobody(tmp_path: Path) -> None:
    """Seen from the clone's parent, the clone itself would be a portion of the namespace, without ``__init__``."""
    (tmp_path / "medquorum").symlink_to(REPOSITORY)
    names = ", ".join(f"medquorum.{portion}" for portion in [*PORTIONS, *FACADES])
    look = f"import {names}; print(*(module.__file__ for module in ({names})))"
    done = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(Path(path).name == "__init__.py" and "src" in Path(path).parts for path in done.stdout.split())


def test_no_key_and_no_networks_folder_is_tracked() -> None:
    """A trial that was moved aside holds its organisations' keys."""
    begin = "-----BEGIN ([A-Z]+ )?" + "PRIVATE KEY-----"
    found = subprocess.run(["git", "grep", "-lE", "-e", begin], cwd=REPOSITORY, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert not [name for name in tracked.splitlines() if "peerOrganizations/" in name or name.endswith("_sk")]
