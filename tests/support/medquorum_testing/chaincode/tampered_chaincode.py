# SPDX-License-Identifier: Apache-2.0
"""Our chaincode, but not as agreed: ``python tampered_chaincode.py WAY...`` is what a corrupt organisation runs.

``turned``: every verdict is the opposite; ``counted``: its counts are wrong; ``averaged``: the new model is another;
``forging``: the transaction Forge writes whatever it is told; ``noting``: as agreed, but every call is in its log.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from medquorum.chaincode import server
from medquorum.chaincode.contract import Contract
from medquorum.chaincode.evaluation_jobs import evaluator
from medquorum.core import aggregate, rules
from medquorum.shim import Response, Stub, success

judge, next_model = rules.judge, aggregate.next_model


def turned(*given: Any, **options: Any) -> list[rules.Verdict]:
    verdicts = judge(*given, **options)
    return [
        replace(one, accepted=not one.accepted, reason=rules.Reason.RULE if one.accepted else None) for one in verdicts
    ]


def counted(*given: Any, **options: Any) -> list[rules.Verdict]:
    return [replace(one, counts=one.counts | {"base": one.counts["base"] - 1}) for one in judge(*given, **options)]


def averaged(*given: Any, **options: Any) -> Any:
    return {name: tensor + 1 for name, tensor in next_model(*given, **options).items()}


class Forging(Contract):
    """Takes Forge(kind, attributes, value, collection) from anybody."""

    def invoke(self, stub: Stub) -> Response:
        name, *arguments = stub.get_args()
        if name != b"Forge":
            return super().invoke(stub)
        kind, attributes, value, collection = arguments
        key = stub.create_composite_key(kind.decode(), json.loads(attributes))
        if collection:
            stub.put_private_data(collection.decode(), key, value)
        else:
            stub.put_state(key, value)
        return success(b"")


class Noting(Contract):
    """Names every transaction that is asked for on standard error, as ``called NAME``."""

    def invoke(self, stub: Stub) -> Response:
        print("called", stub.get_args()[0].decode(), file=sys.stderr, flush=True)
        return super().invoke(stub)


WAYS: dict[str, Callable[[], Any]] = {
    "turned": lambda: patch.object(rules, "judge", turned).start(),
    "counted": lambda: patch.object(rules, "judge", counted).start(),
    "averaged": lambda: patch.object(evaluator, "next_model", averaged).start(),
    "forging": lambda: patch.object(server, "Contract", Forging).start(),
    "noting": lambda: patch.object(server, "Contract", Noting).start(),
}

if __name__ == "__main__":
    for way in sys.argv[1:]:
        WAYS[way]()
    server.main()
