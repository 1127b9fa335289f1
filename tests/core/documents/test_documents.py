# SPDX-License-Identifier: Apache-2.0
"""The ledger's documents say where they are in the state, without the shim."""

from __future__ import annotations

import pytest

from medquorum.core.documents.chunk import StoredChunk
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.document import Document, key_attributes
from medquorum.core.documents.round import Round
from medquorum.core.documents.verdict import Verdict
from medquorum.shim.keys import create_composite_key

HASH = "0" * 64
DOCUMENTS = [
    Consortium(sequence=1, quorum=1, members={"AMSP": ["coordinator", "verifier"]}),
    Round(task="demo", round=7, state="open", base=HASH),
    StoredChunk(model=HASH, index=12, store="private", hash=HASH),
    Verdict(task="demo", round=1, hospital="H1MSP", accepted=True, reason=None, rule="floor"),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.kind)
def test_a_documents_key_is_the_shims_composite_key(document: Document) -> None:
    assert document.key == create_composite_key(document.kind, key_attributes(document.attributes))
