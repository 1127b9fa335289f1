# SPDX-License-Identifier: Apache-2.0
"""Reads a model description: its form, then its shapes."""

from __future__ import annotations

from pydantic import ValidationError

from medquorum.core import canonical
from medquorum.core.model.description import ChainDescription, ModelDescription
from medquorum.core.model.graph.description import GraphDescription
from medquorum.core.model.shapes import check_shapes
from medquorum.errors import ContractError, ModelError

__all__ = ["parse"]


def parse(document: object) -> ModelDescription:
    """Check a description and return it as types.

    Parameters
    ----------
    document
        As in a task's ``model`` field; with a ``format`` it is of that version, without of version 1.

    Raises
    ------
    ModelError
        A field is missing, unknown or out of bounds, shapes do not fit, a name repeats or the model is too large.
    """
    versioned = isinstance(document, dict) and "format" in document
    try:
        description: ModelDescription = (GraphDescription if versioned else ChainDescription).model_validate_json(
            canonical.encode(document)
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ModelError(
            f"the model description is wrong at {place}: {first['msg']}",
            "Compare it with docs/reference/model-format.md",
        ) from error
    except (ContractError, RecursionError) as error:
        raise ModelError(
            f"the model description is not plain JSON: {error}", "Use objects, lists, strings and integers only"
        ) from error
    check_shapes(description)
    return description
