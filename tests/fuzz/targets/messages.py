# SPDX-License-Identifier: Apache-2.0
"""Every message between organisations: greetings, requests to the dealer, headers, words between parties."""

import json

from medquorum.core import canonical
from medquorum_testing.encrypted.messages import MESSAGES

KINDS = {kind.called: kind for kind in MESSAGES}
SEEDS = [canonical.encode({"kind": kind, "raw": json.dumps(one)}) for kind in KINDS for one in MESSAGES.values()]


def run(data: bytes) -> None:
    document = canonical.decode(data)
    if isinstance(document, dict) and isinstance(raw := document.get("raw"), str):
        kind = KINDS.get(str(document.get("kind")))
        if kind is not None:
            message = kind.decode(raw.encode())
            if kind.decode(message.encode()) != message:
                raise AssertionError("what was read cannot be sent")
