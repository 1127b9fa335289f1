# SPDX-License-Identifier: Apache-2.0
"""An organisation's public bundle: what the others need to know of it, in one JSON file, and nothing secret.

The bundle holds the organisation's entry of ``consortium.toml`` and its public files (MSP folder, certificate of the
TLS authority; of an orderer organisation also its consenter's two certificates). It is plain text to be sent around
and compared by its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import (
    AnyOrganisation,
    Consortium,
    OrdererOrganisation,
    Organisation,
)
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity import msp_folder

__all__ = ["Bundle", "export", "read", "store"]

FORMAT = "medquorum organisation bundle 1"
MODELS: dict[str, type[Organisation] | type[OrdererOrganisation]] = {
    "organisation": Organisation,
    "orderer": OrdererOrganisation,
}
SIZE_LIMIT = 4 << 20  # bytes
_PUBLIC = re.compile(
    r"msp/config\.yaml|msp/(cacerts|intermediatecerts|tlscacerts|tlsintermediatecerts|admincerts|crls)/[\w.@-]+"
)


@dataclass(frozen=True)
class Bundle:
    """An organisation and the text of its public files, by path inside its folder."""

    organisation: AnyOrganisation
    files: dict[str, str]

    @property
    def text(self) -> str:
        """The bundle as it is sent around."""
        kind = next(kind for kind, model in MODELS.items() if isinstance(self.organisation, model))
        document = {"format": FORMAT, "kind": kind, "entry": self.organisation.model_dump(), "files": self.files}
        return json.dumps(document, indent=1, sort_keys=True) + "\n"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the text: what two administrators compare over another channel."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def export(folder: NetworkFolder, organisation: AnyOrganisation) -> Bundle:
    """Collect an organisation's public files from its own folder.

    Raises
    ------
    ConfigError
        When a file is missing or wrong, or one of them holds a private key.
    """
    msp_folder.check_own(folder, organisation)
    home = folder.organisation(organisation)
    paths = [path for path in sorted(folder.msp(organisation).rglob("*")) if path.is_file()]
    paths += [folder.tls_ca(organisation), *_consenter(folder, organisation)]
    files = {path.relative_to(home).as_posix(): _text(path) for path in paths}
    bundle = Bundle(organisation, files)
    _check_paths(bundle, folder, str(folder.msp(organisation)))
    return bundle


def read(path: Path, folder: NetworkFolder) -> Bundle:
    """Read a bundle that another organisation sent.

    Raises
    ------
    ConfigError
        When it is no bundle, names a file that does not belong into one, or holds a private key.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise ConfigError(f"{path} is larger than a bundle may be", "Ask for the file that `org export` wrote")
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ConfigError(f"{path} has the format {document['format']!r}", f"This version reads {FORMAT!r}")
        model = MODELS[document["kind"]]
        files = {str(name): str(text) for name, text in document["files"].items()}
        bundle = Bundle(model.model_validate(document["entry"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        remedy = "Ask for the file that `org export` wrote"
        raise ConfigError(f"{path} is no organisation's bundle: {error!r:.200}", remedy) from error
    _check_paths(bundle, folder, str(path))
    return bundle


def store(bundle: Bundle, consortium: Consortium, folder: NetworkFolder) -> bool:
    """Write a bundle's files into the folder; False when the same are there.

    Raises
    ------
    ConfigError
        When its entry differs from the consortium file's, its certificates do not belong together, another
        organisation has one of its authorities, or the folder holds other files of that organisation.
    """
    organisation = bundle.organisation
    agreed = consortium.anyone(organisation.name)
    if agreed != organisation:
        remedy = "Agree on one consortium.toml, then export again"
        raise ConfigError(
            f"the bundle of {organisation.name} has another entry than consortium.toml: {organisation}", remedy
        )
    home = folder.organisation(organisation)
    if home.exists():
        different = [name for name, text in bundle.files.items() if _stored(home / name) != text]
        if different:
            remedy = "If the organisation renewed its certificates, delete that folder first"
            raise ConfigError(f"{home} holds another {different[0]} than the bundle of {organisation.name}", remedy)
        return False
    msp_folder.check_public(bundle.files, organisation)
    msp_folder.check_stranger(bundle.files, organisation, folder)
    for name, text in bundle.files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


def _consenter(folder: NetworkFolder, organisation: AnyOrganisation) -> list[Path]:
    """Name the certificates by which the channel's configuration knows an orderer; none for other organisations."""
    if isinstance(organisation, Organisation):
        return []
    return [folder.signing_certificate(organisation), folder.node_tls(organisation) / "server.crt"]


def _check_paths(bundle: Bundle, folder: NetworkFolder, source: str) -> None:
    organisation = bundle.organisation
    home = folder.organisation(organisation)
    named = {
        path.relative_to(home).as_posix() for path in (folder.tls_ca(organisation), *_consenter(folder, organisation))
    }
    for name, text in bundle.files.items():
        if name not in named and not _PUBLIC.fullmatch(name):
            raise ConfigError(f"{source} holds {name}, which is no public file", "Keep only the public MSP in msp/")
        if "PRIVATE KEY" in text:
            raise ConfigError(f"{source}: {name} holds a private key", "A private key never leaves its host: remove it")
    missing = named - bundle.files.keys()
    if missing:
        raise ConfigError(f"{source} lacks {', '.join(sorted(missing))}", "Ask for the file that `org export` wrote")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text", "Certificates and CRLs of an MSP are PEM files") from error


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
