# SPDX-License-Identifier: Apache-2.0
"""How a service's error reaches its client: class, cause and remedy as canonical JSON in the status.

Whatever another organisation refuses with is a ProtocolError or a kind of it here: its own configuration, disk or
ledger must not end this process. Nothing local crosses: no path, no address, no text of an exception that was not
written for the other side.
"""

from __future__ import annotations

from typing import Final, NoReturn

import grpc

from medquorum.core import canonical
from medquorum.errors import ContractError, MaterialError, ProtocolError, ShareError

__all__ = ["outward", "refusal", "refuse"]

_CLASSES: Final = {kind.__name__: kind for kind in (ProtocolError, MaterialError, ShareError)}
_LONGEST = 1000


def outward(error: Exception) -> tuple[str, str]:
    """Return the cause and remedy that another organisation is told.

    What the protocol or the ledger says is told as it is; of anything else, the own disk, peer or configuration, only
    the class.
    """
    if isinstance(error, ProtocolError | ContractError):
        return error.cause, error.remedy
    return f"this organisation has a {type(error).__name__} of its own", "Ask it to look at its log, then try again"


def refuse(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """End a call with an error that :func:`refusal` gives again at the client; others than these as ProtocolError."""
    name = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _CLASSES), ProtocolError.__name__)
    code = grpc.StatusCode.FAILED_PRECONDITION if isinstance(error, ShareError) else grpc.StatusCode.ABORTED
    cause, remedy = map(_plain, outward(error))
    context.abort(code, canonical.encode({"cause": cause, "error": name, "remedy": remedy}).decode())


def refusal(details: str) -> ProtocolError | None:
    """Return the error that a service refused with, of an unknown class ProtocolError; None when the text is none."""
    try:
        document = canonical.decode(details)
    except ContractError:
        return None
    if not isinstance(document, dict) or set(document) != {"cause", "error", "remedy"}:
        return None
    made = _CLASSES.get(str(document["error"]), ProtocolError)
    return made(_plain(str(document["cause"])), _plain(str(document["remedy"])))


def _plain(text: str) -> str:
    """Return a text that any status can carry and any terminal show: printable ASCII of bounded length."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:_LONGEST])
