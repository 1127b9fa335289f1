# SPDX-License-Identifier: Apache-2.0
"""Founds a consortium as its organisations do: keys in a folder each, bundles collected, one genesis block for all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from medquorum.network.consortium.consortium import Consortium, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric import binaries
from medquorum.network.fabric.configtx import make_genesis
from medquorum.network.identity import bundle, crypto

__all__ = ["foreign_keys", "found"]


def found(consortium: Consortium, home: Path) -> dict[str, NetworkFolder]:
    """Make every organisation's folder under ``home``; return them by name."""
    folders = {one.name: NetworkFolder(home / one.name) for one in consortium.everyone}
    sent = {}
    for one in consortium.everyone:
        write(consortium, folders[one.name].consortium)
        crypto.generate_one(one, folders[one.name])
        sent[one.name] = home / f"{one.name}.bundle.json"
        sent[one.name].write_text(bundle.export(folders[one.name], one).text)
    for one in consortium.everyone:
        collect(consortium, folders[one.name], [path for name, path in sent.items() if name != one.name])
    founder = folders[consortium.everyone[0].name]
    make_genesis(consortium, founder, binaries.find())
    block = founder.block(consortium.channel.name)
    for folder in folders.values():
        if folder is not founder:
            copy = folder.block(consortium.channel.name)
            copy.parent.mkdir()
            shutil.copy(block, copy)
    return folders


def collect(consortium: Consortium, folder: NetworkFolder, bundles: Iterable[Path]) -> None:
    """Take bundles in."""
    for path in bundles:
        bundle.store(bundle.read(path, folder), consortium, folder)


def foreign_keys(folders: dict[str, NetworkFolder], name: str) -> list[Path]:
    """Find other organisations' private keys in one's folder, wherever they lie and in whatever file."""
    others = {line for other, folder in folders.items() if other != name for line in _secret_lines(folder)}
    files = [path for path in folders[name].root.rglob("*") if path.is_file()]
    assert _secret_lines(folders[name]) and len(others) > len(folders)
    return [path for path in files if any(line in path.read_bytes() for line in others)]


def _secret_lines(folder: NetworkFolder) -> set[bytes]:
    """Return the second line of each private key: the first is the same in all of one kind."""
    keys = [*folder.organizations.rglob("priv_sk"), *folder.organizations.rglob("*.key")]
    return {path.read_bytes().splitlines()[2] for path in keys}
