# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Channel", "Folder", "Quiet"]

Folder = Annotated[
    Path,
    typer.Option(
        "--dir", envvar="MEDQUORUM_DIR", help="The network folder", default_factory=lambda: Path("medquorum-network")
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress lines")]
Channel = Annotated[str | None, typer.Option("-c", "--channel", help="Channel; by default the consortium's")]
