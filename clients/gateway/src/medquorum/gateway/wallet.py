# SPDX-License-Identifier: Apache-2.0
"""Wallet folders: one JSON file ``<label>.id`` per identity, as the Fabric SDKs keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from medquorum.gateway.errors import ConfigError
from medquorum.gateway.identity import Signer, X509Identity, private_key_signer

__all__ = ["read_identity"]


class _Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    certificate: str
    private_key: SecretStr = Field(alias="privateKey")


class _WalletIdentity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    credentials: _Credentials
    msp_id: str = Field(alias="mspId", min_length=1)
    type: Literal["X.509"]
    version: Literal[1]


def read_identity(wallet: Path | str, label: str) -> tuple[X509Identity, Signer]:
    """Read an identity and its signer from a wallet folder.

    Raises
    ------
    ConfigError
        The wallet has no such label, or its file is not a wallet identity. Key material is never in the message.
    """
    folder = Path(wallet)
    path = folder / f"{label}.id"
    try:
        content = path.read_bytes()
    except OSError as error:
        labels = sorted(entry.stem for entry in folder.glob("*.id"))
        raise ConfigError(
            f"The wallet {folder} has no identity {label}", f"It holds: {', '.join(labels) or 'none'}"
        ) from error
    try:
        stored = _WalletIdentity.model_validate_json(content)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "the file" for item in error.errors())
        raise ConfigError(
            f"{path} is not a wallet identity: wrong or missing {fields}", "Put the identity into the wallet anew"
        ) from None
    identity = X509Identity(stored.msp_id, stored.credentials.certificate.encode())
    return identity, private_key_signer(stored.credentials.private_key.get_secret_value().encode())
