# SPDX-License-Identifier: Apache-2.0
"""Every field of every ledger document has an exact type: nothing of anybody's choosing, no number without limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Ge, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from medquorum.core.documents import (
    attestation,
    chunk,
    consortium,
    model,
    round,
    task,
    update,
    verdict,
)
from medquorum.core.documents.aggregation import aggregate, masks
from medquorum.core.documents.attestation import Attestation, Result
from medquorum.core.documents.document import Document
from medquorum.core.documents.verdict import Verdict

MODULES = (aggregate, attestation, chunk, consortium, masks, model, round, task, update, verdict)
DOCUMENTS = sorted(
    {kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type) and hasattr(kind, "kind")}
    - {Document},
    key=lambda kind: kind.__name__,
)
# The contract's parsers check these two to the last field, in CreateTask: as types they would be read anew each time.
PARSED = {("Task", "model"), ("Task", "rule")}
HASH = "0" * 64


def loose(annotation: Any, limits: tuple[Any, ...] = ()) -> Iterator[str]:
    """Return what a field's type lets through that has no limits."""
    if hasattr(annotation, "__metadata__"):
        inner, *extra = get_args(annotation)
        fields = [one for one in extra if isinstance(one, FieldInfo)]
        limits = (*limits, *extra, *(limit for field in fields for limit in field.metadata))
        yield from loose(inner, limits)
    elif annotation is Any:
        yield "Any"
    elif annotation is int:
        if not any(isinstance(one, Ge) for one in limits) or not any(isinstance(one, Le | Lt) for one in limits):
            yield "int without limits"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, hint in hints(annotation).items():
            yield from (f"{name}: {found}" for found in loose(hint))
    elif get_origin(annotation) is not None and get_origin(annotation) is not type(None):
        for part in get_args(annotation):
            if not isinstance(part, str):
                yield from loose(part, limits if get_origin(annotation) is Union else ())


def hints(kind: type[BaseModel]) -> dict[str, Any]:
    found = get_type_hints(kind, include_extras=True)
    return {name: found[name] for name in kind.model_fields}


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.__name__)
def test_no_field_is_loose(kind: type[Document]) -> None:
    found = {name: list(loose(hint)) for name, hint in hints(kind).items() if (kind.__name__, name) not in PARSED}
    assert not {name: what for name, what in found.items() if what}


def test_every_kind_is_looked_at() -> None:
    assert len(DOCUMENTS) >= 14
    assert list(loose(dict[str, Any])) == ["Any"]
    assert list(loose(int | None)) == ["int without limits"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": {"total": -1}},
        {"counts": {"total": 1_000_001}},
        {"counts": {"total": True}},
        {"counts": {"classes": 1}},
        {"counts": {"total": [1] * 256}},
        {"counts": {"total": {"a": 1}}},
        {"quality": 1_000_001},
        {"quality": -1_000_001},
        {"reason": "x" * 33},
        {"reason": "because"},
    ],
)
def test_a_finding_has_the_rules_own_fields(wrong: dict[str, Any]) -> None:
    fields = {"accepted": False, "reason": "RULE", "counts": {"total": 40, "base": 10}, "quality": -3}
    Result.model_validate(fields)
    with pytest.raises(ValidationError):
        Result.model_validate(fields | wrong)
    place = {"task": "demo", "round": 1, "hospital": "H1MSP", "rule": "floor"}
    with pytest.raises(ValidationError):
        Verdict.model_validate(place | fields | wrong)


def test_the_largest_attestation_is_small() -> None:
    """A hundred thousand of them would fit where one had a free megabyte."""
    largest = Attestation(
        task="t" * 32,
        round=999_999,
        hospital="h" * 64,
        verifier="v" * 64,
        result=Result(
            accepted=False,
            reason="R" * 32,
            counts=dict.fromkeys(("total", "base", "mixed", "own", "aggregate"), 1_000_000),
            quality=-1_000_000,
        ),
        mode="encrypted-semi-honest",
        update=HASH,
        dataset=HASH,
        transcript=HASH,
    )
    assert len(largest.encode()) < 1024
