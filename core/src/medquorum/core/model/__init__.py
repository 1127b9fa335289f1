# SPDX-License-Identifier: Apache-2.0
"""Model format: description (JSON), layout of tensors, packed bytes, chunks and hashes."""

from medquorum.core.model.description import ChainDescription, ModelDescription
from medquorum.core.model.graph.description import GraphDescription
from medquorum.core.model.layout import Kind, TensorSpec, check_range, check_tensors, layout, layout_hash, parameters
from medquorum.core.model.packing import (
    CHUNK_BYTES,
    Tensors,
    chunk_hashes,
    chunk_lengths,
    model_hash,
    pack,
    split,
    unpack,
)
from medquorum.core.model.parsing import parse
from medquorum.core.model.resolved import ResolvedLayer, resolve
from medquorum.core.model.storedform import from_stored_form, stored_form

__all__ = [
    "CHUNK_BYTES",
    "ChainDescription",
    "GraphDescription",
    "Kind",
    "ModelDescription",
    "ResolvedLayer",
    "TensorSpec",
    "Tensors",
    "check_range",
    "check_tensors",
    "chunk_hashes",
    "chunk_lengths",
    "from_stored_form",
    "layout",
    "layout_hash",
    "model_hash",
    "pack",
    "parameters",
    "parse",
    "resolve",
    "split",
    "stored_form",
    "unpack",
]
