# SPDX-License-Identifier: Apache-2.0
"""The options all roles share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "AsJson",
    "Channel",
    "Connection",
    "ConsortiumToml",
    "Genesis",
    "Identity",
    "MaxBytes",
    "Organizations",
    "ProfileFile",
    "StateFolder",
    "TaskName",
    "Verbose",
]

ProfileFile: TypeAlias = Annotated[
    Path, typer.Option("--profile", help="Connection profile of the own organisation (JSON or YAML).")
]
Identity: TypeAlias = Annotated[str, typer.Option("--identity", help="Label in the wallet beside the profile.")]
Organizations: TypeAlias = Annotated[
    Path, typer.Option(help="organizations/peerOrganizations, for the CA certificates.")
]
ConsortiumToml: TypeAlias = Annotated[
    Path | None,
    typer.Option("--consortium", help="The own consortium.toml  [default: the one of the folder of --organizations]"),
]
Genesis: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Hash of the channel's block 0, as `auditor verify` prints it  "
        "[default: of the block in the folder of --organizations]"
    ),
]
Channel: TypeAlias = Annotated[str, typer.Option("--channel", "--network-channel", help="Fabric channel.")]
StateFolder: TypeAlias = Annotated[
    Path | None, typer.Option("--state-dir", help="The process' own folder  [default: medquorum-state/ROLE-MSP]")
]
TaskName: TypeAlias = Annotated[str, typer.Option("--task", help="The training task's name.")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object a line (docs/reference/command-line.md).")
]
MaxBytes: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="The most a data file may hold, unpacked  [default: 100 times the file, at most 16 GiB]"),
]
Verbose: TypeAlias = Annotated[bool, typer.Option("--verbose", help="Log what happens, not only what goes wrong.")]


@dataclass(frozen=True)
class Connection:
    """Whom a process speaks for, through which peer, and how it talks to its user."""

    profile: Path
    identity: str
    channel: str
    state: Path | None = None
    as_json: bool = False
    verbose: bool = False
