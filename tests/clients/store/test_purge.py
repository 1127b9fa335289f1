# SPDX-License-Identifier: Apache-2.0
"""Models older than the task keeps: their bytes are gone at every peer, their hashes stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ledger_rounds import COORDINATOR, HOSPITAL, LedgerRounds

from chaincode import modelformat
from clients.auditor.audit import history
from clients.gateway.blocks import BlockKind
from clients.hospital.use import model_of_round
from clients.ledger import Ledger
from medquorum import ContractError
from network.waiting import await_true


def private_bytes(rounds: LedgerRounds, name: str, block: int) -> bytes:
    """All private data of a block that an organisation's peer still hands out."""
    stream = rounds.network(name).block_events(BlockKind.WITH_PRIVATE_DATA, start_block=block, timeout=30)
    with stream as blocks:
        found = next(iter(blocks))
    return b"".join(item.SerializeToString() for item in found.private_data_map.values())


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
        stored = history(hospital, "stored", [models[0], 0])[0]
        block = rounds.network(HOSPITAL).new_commit(stored["tx_id"]).status().block_number
        members = [one.name for one in rounds.running.consortium.members]
        form = modelformat.drop_planes(packed[1])
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
