# SPDX-License-Identifier: Apache-2.0
"""Models older than the task keeps: their bytes are gone at every peer, but for chunks of others; their hashes stay."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from medquorum.clients.admin.tasks import store_model
from medquorum.clients.hospital.model_access import model_of_round
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.models import fetch_model
from medquorum.clients.proof.evidence import history
from medquorum.clients.runtime.report import Report
from medquorum.core import canonical
from medquorum.core import model as modelformat
from medquorum.errors import ContractError
from medquorum.gateway import BlockKind, Transaction
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation_task import COORDINATOR
from medquorum_testing.federation.ledger_rounds import HOSPITAL, LedgerRounds


def private_bytes(rounds: LedgerRounds, name: str, block: int) -> bytes:
    """All private data of a block that an organisation's peer still hands out."""
    stream = rounds.network(name).block_events(BlockKind.WITH_PRIVATE_DATA, start_block=block, timeout=30)
    with stream as blocks:
        found = next(iter(blocks))
    return b"".join(item.SerializeToString() for item in found.private_data_map.values())


def block_of(rounds: LedgerRounds, model: str, index: int) -> int:
    """The block in which a chunk of a private model was noted as stored."""
    (stored,) = history(rounds.ledger(HOSPITAL), "stored", [model, index, "private"])
    return rounds.network(HOSPITAL).new_commit(stored["tx_id"]).status().block_number


def refused(ledger: Ledger, model: str) -> bool:
    """Whether the organisation's own peer says that the bytes were purged."""
    try:
        ledger.model_chunk(model, 0)
    except ContractError as error:
        return error.code == "MODEL_PURGED"
    return False


def test_bytes_are_gone_at_every_peer_and_hashes_stay(played: Any, tmp_path: Path) -> None:
    shared = played.rounds
    with LedgerRounds(shared.running, tmp_path, "purge", model_store="private", keep_models=1) as rounds:
        models = [rounds.play(number) for number in (1, 2, 3)]
        hospital = rounds.ledger(HOSPITAL)
        packed = {number: model_of_round(hospital, rounds.task, number)[1] for number in (1, 3)}
        block = block_of(rounds, models[0], 0)
        members = [one.name for one in rounds.running.consortium.members]
        form = modelformat.stored_form(packed[1])
        assert all(form in private_bytes(rounds, name, block) for name in members)
        before = hospital.manifest(models[0])

        assert rounds.submit(COORDINATOR, "PurgeModels") == {"purged": [models[1], models[0]]}

        for name in members:
            ledger = rounds.ledger(name)
            await_true(lambda ledger=ledger: refused(ledger, models[0]), 20, f"{name} has purged")
            assert form not in private_bytes(rounds, name, block)
            assert ledger.manifest(models[0]) == before
            assert modelformat.model_hash(before.layout, before.chunks) == models[0]
            assert ledger.round("purge", 1).model == models[0]
        with pytest.raises(ContractError) as caught:
            model_of_round(hospital, rounds.task, 1)
        assert "keeps its latest 1 models" in caught.value.cause
        assert "Fetch a later round's" in caught.value.remedy
        assert model_of_round(hospital, rounds.task, 3) == (models[2], packed[3])
        # w_0 is that of the other task too, which keeps it.
        assert model_of_round(hospital, rounds.task, 0)[0] == rounds.task.initial_model
        assert rounds.play(4) not in models


FULL = modelformat.CHUNK_BYTES // 4
TWO_CHUNKS = 14_200
"""Units of the hidden layer of a model with a second chunk."""


def endorsed(rounds: LedgerRounds, name: str, *arguments: str, **transient: bytes) -> Transaction:
    """A transaction of the coordinator's that is not sent to the orderers yet."""
    contract = rounds.network(COORDINATOR).get_contract("medquorum")
    quorum = [one.msp_id for one in rounds.verifiers][: rounds.running.consortium.quorum]
    return contract.new_proposal(
        name, arguments=arguments, transient=transient, endorsing_organizations=quorum
    ).endorse()


def conflicts(transaction: Transaction) -> bool:
    """Whether a transaction is sent in vain."""
    return transaction.submit().status().code.endswith("READ_CONFLICT")


def test_a_chunk_is_written_once_and_leaves_with_the_last_model_that_has_it(played: Any, tmp_path: Path) -> None:
    task: dict[str, Any] = {"hidden": TWO_CHUNKS, "model_store": "private", "keep_models": 1}
    with LedgerRounds(played.rounds.running, tmp_path, "shared", **task) as rounds:
        models = [rounds.task.initial_model, rounds.play(1, frozen=FULL), rounds.play(2, frozen=FULL)]
        hospital = rounds.ledger(HOSPITAL)
        rounds.await_stored(HOSPITAL, models[2])
        manifests = [hospital.manifest(model) for model in models]
        assert [len({one.chunks[index] for one in manifests}) for index in (0, 1)] == [1, 3]
        first, latest = (modelformat.split(fetch_model(hospital, rounds.task, models[index])) for index in (0, 2))
        backbone, head = (modelformat.stored_form(chunk) for chunk in first)
        blocks = [block_of(rounds, model, 0) for model in models]
        members = [one.name for one in rounds.running.consortium.members]
        for name in members:
            assert [backbone in private_bytes(rounds, name, block) for block in blocks] == [True, False, False]

        def store(packed: bytes) -> str:
            quiet = Report("test", "", as_json=True, stream=io.StringIO())
            return store_model(
                rounds.ledger(COORDINATOR), rounds.transactions(COORDINATOR), "1" * 64, packed, "private", quiet
            )

        late = endorsed(rounds, "PurgeModels", rounds.name)
        other = store(first[1])
        assert conflicts(late)
        assert rounds.submit(COORDINATOR, "PurgeModels") == {"purged": models[1::-1]}
        for name in members:
            ledger = rounds.ledger(name)
            await_true(lambda ledger=ledger: refused(ledger, models[1]), 20, f"{name} has purged")
            assert refused(ledger, models[0])
            assert (ledger.model_chunk(models[2], 0), ledger.model_chunk(other, 0)) == (backbone, head)
            assert backbone in private_bytes(rounds, name, blocks[0])

        models.append(rounds.play(3))
        relying = {"layout": "2" * 64, "length": modelformat.CHUNK_BYTES + len(first[1])}
        relying["chunks"] = modelformat.chunk_hashes(latest[0] + first[1])
        late = endorsed(rounds, "PutModelChunk", canonical.encode(relying).decode(), "1", "private", chunk=head)
        assert rounds.submit(COORDINATOR, "PurgeModels") == {"purged": [models[2]]}
        assert conflicts(late)
        for name in members:
            ledger = rounds.ledger(name)
            await_true(lambda ledger=ledger: refused(ledger, models[2]), 20, f"{name} has purged")
            assert backbone not in private_bytes(rounds, name, blocks[0])
            assert ledger.model_chunk(other, 0) == head
        again = store(b"".join(first))
        rounds.await_stored(HOSPITAL, again)
        assert [hospital.model_chunk(again, index) for index in (0, 1)] == [backbone, head]
        assert rounds.play(4) not in models
