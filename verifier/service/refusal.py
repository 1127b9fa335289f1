# SPDX-License-Identifier: Apache-2.0
"""How a service's error reaches its client: class, cause and remedy as canonical JSON in the status.

Whatever another organisation refuses with is a ProtocolError or a kind of it here: its own configuration, disk or
ledger must not end this process.
"""

from __future__ import annotations

from typing import Final, NoReturn

import grpc

from chaincode import canonical
from medquorum import ContractError, MaterialError, MedquorumError, ProtocolError, ShareError

__all__ = ["refusal", "refuse"]

_CLASSES: Final = {one.__name__: one for one in (ProtocolError, MaterialError, ShareError)}
_LONGEST = 1000


def refuse(context: grpc.ServicerContext, error: MedquorumError) -> NoReturn:
    """End a call with an error that :func:`refusal` gives again at the client; others than these as ProtocolError."""
    name = next((one.__name__ for one in type(error).__mro__ if one.__name__ in _CLASSES), ProtocolError.__name__)
    code = grpc.StatusCode.FAILED_PRECONDITION if isinstance(error, ShareError) else grpc.StatusCode.ABORTED
    document = {"cause": error.cause[:_LONGEST], "error": name, "remedy": error.remedy[:_LONGEST]}
    context.abort(code, canonical.encode(document).decode())


def refusal(details: str) -> ProtocolError | None:
    """Give the error that a service refused with, of an unknown class ProtocolError; None when the text is none."""
    try:
        document = canonical.decode(details)
    except ContractError:
        return None
    if not isinstance(document, dict) or set(document) != {"cause", "error", "remedy"}:
        return None
    made = _CLASSES.get(str(document["error"]), ProtocolError)
    return made(str(document["cause"]), str(document["remedy"]))
