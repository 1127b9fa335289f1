# SPDX-License-Identifier: Apache-2.0
"""The chaincode package: the same bytes, and so the same package id, wherever it is made."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

__all__ = ["make_package", "metadata", "package_id"]

# Filled in by each peer's builder (`medquorum.network.fabric.builder`), so that the package is the same for all.
CONNECTION = {
    "address": "{{.address}}",
    "dial_timeout": "10s",
    "tls_required": True,
    "client_auth_required": True,
    "root_cert": "{{.root_cert}}",
    "client_cert": "{{.client_cert}}",
    "client_key": "{{.client_key}}",
}


def make_package(label: str) -> bytes:
    """Make the package ``peer lifecycle chaincode install`` takes (chaincode-as-a-service, address left open)."""
    code = _archive({"connection.json": _json(CONNECTION)})
    return _archive({"metadata.json": metadata(label), "code.tar.gz": code})


def metadata(label: str) -> bytes:
    """Return the package's ``metadata.json``."""
    return _json({"type": "ccaas", "label": label})


def package_id(label: str, package: bytes) -> str:
    """Return the id under which peers know it: the label and the SHA-256 of its bytes."""
    return f"{label}:{hashlib.sha256(package).hexdigest()}"


def _archive(files: dict[str, bytes]) -> bytes:
    """Pack without times, owners or compression's own header, which would differ from run to run."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            archive.addfile(entry, io.BytesIO(data))
    packed = io.BytesIO()
    # Stored, not deflated: zlib's output may differ between builds, and the id must not.
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=0, mtime=0, filename="") as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
