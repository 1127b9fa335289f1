# SPDX-License-Identifier: Apache-2.0
"""The form of a ledger document: strict fields, canonical JSON, and the attributes of its composite key."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from medquorum.core import canonical
from medquorum.core.documents.fields import MspId
from medquorum.errors import ContractError

__all__ = ["LEDGER_FORMAT", "Attribute", "Document", "Statement", "composite_key", "key_attributes"]

Attribute = str | int

LEDGER_FORMAT = 2
"""The form of all documents of a channel; it goes up when a release changes one. Format 1 (0.1) did not name itself."""


def key_attributes(attributes: tuple[Attribute, ...]) -> list[str]:
    """Write a key's attributes as text: numbers get six digits, so that keys sort as the numbers do."""
    return [f"{a:06d}" if isinstance(a, int) else a for a in attributes]


def composite_key(kind: str, attributes: tuple[Attribute, ...]) -> str:
    """Return a document's key in the state: Fabric's composite key of its kind and attributes."""
    return "\0" + "".join(f"{part}\0" for part in (kind, *key_attributes(attributes)))


class Document(BaseModel):
    """One value of the state. Subclasses name their ``kind`` (key type and ``docType``) and their key's attributes.

    Fields listed in ``optional`` are left out of the JSON when they are None, all others are written as null.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", protected_namespaces=())

    kind: ClassVar[str]
    optional: ClassVar[frozenset[str]] = frozenset()
    names_format: ClassVar[bool] = False
    """Whether the document has the field ``ledger_format``: those do that everything else begins with."""

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of this document's composite key."""
        return ()

    @property
    def key(self) -> str:
        """The document's key in the state: Fabric's composite key of its kind and attributes."""
        return composite_key(self.kind, self.attributes)

    def plain(self) -> dict[str, Any]:
        """Return the document as plain values with its ``docType``."""
        head = {"docType": self.kind} | ({"ledger_format": LEDGER_FORMAT} if self.names_format else {})
        fields = self.model_dump()
        return head | {k: v for k, v in fields.items() if v is not None or k not in self.optional}

    def encode(self) -> bytes:
        """Return the document's canonical bytes."""
        return canonical.encode(self.plain())

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a document of this kind from the state."""
        return cls.from_plain(canonical.decode(raw))

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> Self:
        """Read what `plain` returns.

        Raises
        ------
        ContractError
            ``LEDGER_FORMAT``: another release made this channel.
        ValueError, KeyError
            It is no such document.
        """
        fields = dict(value)
        kind = fields.pop("docType")
        if kind != cls.kind:
            raise ValueError(f"it is a {kind}")
        ledger_format = fields.pop("ledger_format", 1) if cls.names_format else LEDGER_FORMAT
        if ledger_format != LEDGER_FORMAT:
            cause = (
                f"the {kind} on this channel is of ledger format {ledger_format}; this release reads {LEDGER_FORMAT}"
            )
            raise ContractError("LEDGER_FORMAT", cause, "Use the release that made the channel, or start a new channel")
        return cls.model_validate(fields)

    @classmethod
    def from_argument(cls, code: str, fields: Any, **computed: Any) -> Self:
        """Make a document from a client's JSON and the fields the contract itself fills in.

        Raises
        ------
        ContractError
            ``code``, naming the first field that is missing, unknown or out of its limits.
        """
        if not isinstance(fields, dict):
            raise ContractError(code, "the document is not a JSON object")
        given = sorted(computed.keys() & fields.keys())
        if given:
            raise ContractError(code, f"the contract itself fills in {', '.join(given)}", "Leave it out")
        try:
            return cls.model_validate(fields | computed)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "document"
            raise ContractError(code, f"{where}: {first['msg']}") from error


class Statement(Document):
    """What one verifier says it found; verifiers agree where their results are equal."""

    verifier: MspId

    @property
    def agreed_bytes(self) -> bytes:
        """All of the document but who says it."""
        return self.model_copy(update={"verifier": ""}).encode()
