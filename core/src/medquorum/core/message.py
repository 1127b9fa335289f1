# SPDX-License-Identifier: Apache-2.0
"""What one organisation sends another beside the ledger: exact fields, numbers in their range, canonical JSON."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medquorum.core import canonical
from medquorum.errors import ContractError, ModelError, ProtocolError

__all__ = ["Attempt", "Message"]

Attempt = Annotated[int, Field(ge=0, le=1 << 31)]
"""Number of an attempt of a verification, or how many there were."""


class Message(BaseModel):
    """A message; subclasses type every field and bound every number, text and list."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())

    called: ClassVar[str] = "message"
    """What an error calls it."""

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return canonical.encode(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return what another organisation sent.

        Raises
        ------
        ProtocolError
            It is no canonical JSON, or a field is missing, unknown or out of its limits. Nothing of it is repeated.
        """
        remedy = "Install the same release at both ends"
        try:
            canonical.decode(raw)  # what pydantic's own reader takes besides: repeated keys, any depth, any integer
            return cls.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = next((f"{part}: " for part in first["loc"][:1] if part in cls.model_fields), "")
            raise ProtocolError(f"what came is no {cls.called}: {field}{first['msg']}", remedy) from error
        except (ContractError, ModelError) as error:
            raise ProtocolError(f"what came is no {cls.called}", remedy) from error
