# SPDX-License-Identifier: Apache-2.0
"""What is deployed: chaincode definitions, collections and endpoints (``devnet/chaincodes.json``).

Takes the place of Fabric's lifecycle. The file is read again when it changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from medquorum.errors import ConfigError
from medquorum.network.devnet.policy.policy import out_of, parse

__all__ = ["Collection", "Definition", "Definitions", "Endpoint"]

IMPLICIT = "_implicit_org_"

log = structlog.get_logger(__name__)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Endpoint(_Document):
    """Where an organisation's chaincode server listens, and PEM files; without ``root_cert`` there is no TLS."""

    address: str
    root_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


class EndorsementPolicy(_Document):
    """A collection's own endorsement policy, as in ``collections_config.json``."""

    signature_policy: str = Field(alias="signaturePolicy")


class Collection(_Document):
    """A private data collection, as in ``collections_config.json``."""

    name: str
    policy: str
    required_peer_count: Annotated[int, Field(ge=0)] = Field(alias="requiredPeerCount", default=0)
    maximum_peer_count: Annotated[int, Field(ge=0)] = Field(alias="maxPeerCount", default=0)
    block_to_live: Annotated[int, Field(ge=0)] = Field(alias="blockToLive", default=0)
    member_only_read: bool = Field(alias="memberOnlyRead", default=False)
    member_only_write: bool = Field(alias="memberOnlyWrite", default=False)
    endorsement_policy: EndorsementPolicy | None = Field(alias="endorsementPolicy", default=None)

    @cached_property
    def members(self) -> Any:
        """The policy a member's identity satisfies (``common.SignaturePolicyEnvelope``)."""
        return parse(self.policy)

    @cached_property
    def endorsement(self) -> Any | None:
        """The collection-level endorsement policy, or None for the chaincode's."""
        return parse(self.endorsement_policy.signature_policy) if self.endorsement_policy else None


class Definition(_Document):
    """One chaincode; an empty ``policy`` is the majority of the organisations with a peer."""

    version: str
    sequence: int
    policy: str = ""
    collections: list[Collection] = []
    endpoints: dict[str, Endpoint]
    package_id: str

    def endorsement(self, peers: Sequence[str]) -> Any:
        """Return the chaincode-level endorsement policy; ``peers`` are the MSP ids with a peer."""
        if self.policy:
            return parse(self.policy)
        return out_of(len(peers) // 2 + 1, [f"{msp}.peer" for msp in peers])

    def collection(self, name: str) -> Collection | None:
        """Find a collection; ``_implicit_org_<MSP>`` is every organisation's own."""
        for collection in self.collections:
            if collection.name == name:
                return collection
        if name.startswith(IMPLICIT):
            msp = name.removeprefix(IMPLICIT)
            return Collection.model_validate(
                {
                    "name": name,
                    "policy": f"OR('{msp}.member')",
                    "endorsementPolicy": {"signaturePolicy": f"OR('{msp}.peer')"},
                }
            )
        return None


class Definitions:
    """The definitions in force."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._current: Mapping[str, Definition] = {}

    def current(self) -> Mapping[str, Definition]:
        """Return every definition by chaincode name, from the file as it is now; a malformed file changes nothing.

        Raises
        ------
        ConfigError
            When the file is malformed the first time it is read.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            try:
                self._current = read(self._path)
            except ConfigError as error:
                if self._stamp is None:
                    raise
                log.error("the former definitions stay in force", cause=str(error))
            self._stamp = stamp
        return self._current

    def get(self, name: str) -> Definition | None:
        """Find one definition."""
        return self.current().get(name)


def read(path: Path) -> Mapping[str, Definition]:
    """Read a ``chaincodes.json``.

    Raises
    ------
    ConfigError
        When it is malformed.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        definitions = {name: Definition.model_validate(entry) for name, entry in document.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is no chaincode list: {error}", "Deploy the chaincode again") from error
    for definition in definitions.values():
        for policy in (definition.policy, *(c.policy for c in definition.collections)):
            if policy:
                parse(policy)
    return definitions
