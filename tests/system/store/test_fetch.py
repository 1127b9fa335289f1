# SPDX-License-Identifier: Apache-2.0
"""A model is fetched with its evidence, and refused by the name of the check that it fails."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from cryptography import x509
from fabric_protos.common.common_pb2 import Block, Envelope, Payload
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction

from medquorum.clients.cli import main
from medquorum.clients.hospital.fetch import Fetched, fetch_proven, write_model
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.proof.blocks.reader import Chain
from medquorum.clients.proof.blocks.walk import Trust
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.clients.proof.trust_root import read_root
from medquorum.clients.training.formats.model_file import read_model
from medquorum.core import model as modelformat
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.errors import CheckFailed
from medquorum_testing.federation.ledger_rounds import HOSPITAL, VERIFIER

Change = Callable[[Any], Any]


class LyingLedger(Ledger):
    """Answers of a peer that has been tampered with."""

    changes: Mapping[str, Change] = MappingProxyType({})

    def _changed(self, name: str, answer: Any) -> Any:
        return self.changes.get(name, lambda unchanged: unchanged)(answer)

    def model_chunk(self, model: str, index: int) -> bytes:
        return bytes(self._changed("chunk", super().model_chunk(model, index)))

    def manifest(self, model: str) -> Model:
        return Model.model_validate(self._changed("manifest", super().manifest(model)))

    def round(self, task: str, number: int) -> Round:
        return Round.model_validate(self._changed("round", super().round(task, number)))

    def status(self, task: str, number: int) -> RoundStatus:
        found: RoundStatus = self._changed("status", super().status(task, number))
        return found

    def value(self, name: str, *arguments: str) -> Any:
        return self._changed(name, super().value(name, *arguments))


class LyingNetwork:
    """The channel through a peer whose blocks have been tampered with."""

    def __init__(self, network: Any, change: Change) -> None:
        self._network = network
        self._change = change

    def new_commit(self, transaction: str) -> Any:
        return self._network.new_commit(transaction)

    @contextmanager
    def block_events(self, *, start_block: int, timeout: float) -> Iterator[Iterator[Any]]:
        with self._network.block_events(start_block=start_block, timeout=timeout) as blocks:
            yield (self._change(Block.FromString(block.SerializeToString())) for block in blocks)


@pytest.fixture
def organizations(played: Any) -> Path:
    one = played.rounds.running.consortium.organisation(HOSPITAL)
    return Path(played.rounds.running.folder.organisation(one).parent)


@pytest.fixture
def fetch(played: Any, organizations: Path) -> Callable[..., Fetched]:
    """Fetch round 3's model as the hospital, from a peer whose answers are changed."""

    def call(
        number: int | None = 3,
        *,
        block: Change | None = None,
        root: Endorsers | None = None,
        **changes: Change,
    ) -> Fetched:
        rounds = played.rounds
        ledger = LyingLedger(rounds.outbox(HOSPITAL), "Hospital1MSP")
        ledger.changes = changes
        network: Any = rounds.network(HOSPITAL)
        anchor = root or read_root(organizations, None)
        trust = Trust("mychannel", "medquorum", anchor.authorities)
        chain = Chain(network if block is None else LyingNetwork(network, block), trust)
        return fetch_proven(chain, ledger, rounds.task, number, anchor)

    return call


def failed(check: str, words: str, call: Callable[..., Fetched], **changes: Any) -> None:
    with pytest.raises(CheckFailed, match=words) as caught:
        call(**changes)
    assert caught.value.check == check
    assert caught.value.as_dict()["check"] == check


def test_every_kept_version_comes_with_its_evidence(played: Any, fetch: Callable[..., Fetched]) -> None:
    for number in (0, 1, 3, None):
        found = fetch(number)
        assert found.model == played.models[3 if number is None else number]
        assert modelformat.model_hash(played.rounds.task.layout, modelformat.chunk_hashes(found.packed)) == found.model
        wrote = {item.wrote.split()[0] for item in found.evidence}
        assert wrote == {"task", "model", "round", "aggregate"} if found.round else {"task", "model"}
        assert all(len(item.endorsed_by) >= 2 for item in found.evidence)
        attested = [item.wrote for item in found.evidence if item.wrote.startswith("aggregate")]
        assert len(attested) == (len(played.rounds.verifiers) if found.round else 0)


def test_the_file_holds_exactly_the_ledgers_integers(
    played: Any, fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    found = fetch()
    write_model(tmp_path / "model.safetensors", played.rounds.task, found)
    assert read_model(modelformat.parse(played.rounds.task.model), tmp_path / "model.safetensors") == found.packed


def test_a_tampered_chunk_is_refused(fetch: Callable[..., Fetched]) -> None:
    failed("chunk", "chunk 0 of model", fetch, chunk=lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chunks": ["0" * 64]}, "describes the model"),
        ({"accepted": ["Hospital9MSP"]}, "names round 3"),
        ({"parent": "1" * 64}, "names round 3"),
        ({"round": 2}, "names round 2"),
        ({"store": "public"}, "nowhere in the history"),
        ({"task": None, "round": 0}, "nowhere in the history"),
    ],
)
def test_a_tampered_manifest_is_refused(fetch: Callable[..., Fetched], change: dict[str, Any], words: str) -> None:
    failed("manifest", words, fetch, manifest=lambda manifest: manifest.model_copy(update=change))


def attestations(change: Change) -> Change:
    def changed(status: RoundStatus) -> RoundStatus:
        return RoundStatus(status.round, aggregates=change(status.aggregates))

    return changed


def test_tampered_attestations_are_refused(fetch: Callable[..., Fetched]) -> None:
    def other_counts(given: dict[str, Any]) -> dict[str, Any]:
        return {msp: item.model_copy(update={"accepted": ["Hospital2MSP"]}) for msp, item in given.items()}

    failed("attestation", "nowhere in the history", fetch, status=attestations(other_counts))
    failed("attestation", "attested by 0 of", fetch, status=attestations(lambda given: {}))


def test_a_forged_history_is_refused(fetch: Callable[..., Fetched]) -> None:
    """A peer that changes a document and its history alike is found out by the bytes the verifiers signed."""

    def aggregates(given: dict[str, Any]) -> dict[str, Any]:
        return {msp: item.model_copy(update={"accepted": ["Hospital2MSP"]}) for msp, item in given.items()}

    def versions(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for version in given:
            if version["document"]["docType"] == "aggregate":
                version["document"]["accepted"] = ["Hospital2MSP"]
        return given

    changes = {"status": attestations(aggregates), "ReadHistory": versions}
    failed("attestation", "is not what transaction .* wrote", fetch, **changes)


def kept(asked: int) -> Change:
    """Answer that the asked round, and all since the first, kept their base."""

    def changed(current: Round) -> Round:
        return current.model_copy(update={"model": current.base}) if current.round == asked else current

    return changed


def test_a_round_that_is_said_to_have_kept_its_base_is_proven_too(fetch: Callable[..., Fetched]) -> None:
    """Else an old model would pass for the asked round's."""
    failed("round", "nowhere in the history", fetch, round=kept(3))

    def versions(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for version in given:
            document = version["document"]
            if document["docType"] == "round" and document["round"] == 3 and document["state"] == "closed":
                document["model"] = document["base"]
        return given

    failed("round", "round store 3 is not what transaction .* wrote", fetch, round=kept(3), ReadHistory=versions)


def test_another_rounds_document_is_refused(played: Any, fetch: Callable[..., Fetched]) -> None:
    first = played.rounds.ledger(HOSPITAL).round(played.rounds.name, 1)
    failed("round", "asked for round 3, the peer gave 1", fetch, round=lambda current: first)


def test_a_manifest_of_another_task_leaves_the_round_to_be_proven(fetch: Callable[..., Fetched]) -> None:
    def elsewhere(manifest: Model) -> Model:
        return manifest.model_copy(update={"task": "another", "round": 1})

    def versions(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for version in given:
            if version["document"]["docType"] == "model":
                version["document"] |= {"task": "another", "round": 1}
        return given

    failed("manifest", "is not what transaction", fetch, manifest=elsewhere, ReadHistory=versions)
    failed("attestation", "attested by 0 of", fetch, manifest=elsewhere, status=attestations(lambda given: {}))


def test_only_the_callers_own_file_says_who_is_believed(fetch: Callable[..., Fetched], organizations: Path) -> None:
    """Whatever verifiers and quorum the peer names."""
    known = read_root(organizations, None)
    assert (known.verifiers, known.quorum) == (["VerifierAMSP", "VerifierBMSP", "VerifierCMSP"], 2)

    def another(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for version in given:
            if version["document"]["docType"] == "consortium":
                version["document"]["quorum"] = 3
        return given

    failed("consortium", "never had the quorum of 2 of VerifierAMSP", fetch, ReadHistory=another)

    def also_another(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = given[0]["document"]
        if first["docType"] != "consortium":
            return given
        return [given[0] | {"document": first | {"quorum": 3, "sequence": first["sequence"] + 1}}, *given]

    failed("consortium", "is not what transaction", fetch, ReadHistory=also_another)


def test_a_forged_signature_is_refused(fetch: Callable[..., Fetched], organizations: Path) -> None:
    def another_signature(block: Any) -> Any:
        if block.header.number:
            block.data.data[:] = [with_signature(raw) for raw in block.data.data]
            block.header.data_hash = hashlib.sha256(b"".join(block.data.data)).digest()
        return block

    failed("signature", "block .* is not signed by orderer", fetch, block=another_signature)
    strangers = Authorities({"VerifierAMSP": roots(organizations, "hospital1"), "VerifierBMSP": []})
    known = read_root(organizations, None)
    failed("signature", "not issued by its authority", fetch, root=replace(known, authorities=strangers))


def test_a_tampered_block_is_refused(fetch: Callable[..., Fetched]) -> None:
    def emptied(block: Any) -> Any:
        if block.header.number:
            del block.data.data[:]
        return block

    def elsewhere(block: Any) -> Any:
        if block.header.number:
            block.header.previous_hash = bytes(32)
        return block

    def invalid(block: Any) -> Any:
        block.metadata.metadata[2] = bytes(11 for _ in block.data.data)
        return block

    failed("block", "not those its header names", fetch, block=emptied)
    failed("signature", "block .* is not signed by orderer", fetch, block=elsewhere)
    failed("block", "is MVCC_READ_CONFLICT", fetch, block=invalid)


def test_an_unknown_transaction_is_refused(fetch: Callable[..., Fetched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.clients.proof.blocks.reader.COMMIT_TIMEOUT", 0.5)

    def elsewhere(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [version | {"tx_id": "0" * 64} for version in given]

    failed("block", "knows no block of transaction", fetch, ReadHistory=elsewhere)


def test_the_command_says_which_check_failed(
    played: Any,
    organizations: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "model.safetensors"
    profile = str(played.rounds.running.profile(HOSPITAL))
    command = ["medquorum", "hospital", "fetch", "--profile", profile, "--task", played.rounds.name, "--round", "3"]
    command += ["--organizations", str(organizations), "--out", str(out), "--state-dir", str(tmp_path / "state")]
    monkeypatch.setattr("sys.argv", [*command, "--json"])
    honest = Ledger.model_chunk
    monkeypatch.setattr(Ledger, "model_chunk", lambda self, model, index: honest(self, model, index)[:-4] + b"evil")
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 40
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["event"], told["check"]) == ("error", "chunk")
    assert not out.exists()
    monkeypatch.setattr(Ledger, "model_chunk", honest)
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["event"], told["model"], told["round"]) == ("model_fetched", played.models[3], 3)
    assert out.exists()


def test_an_auditor_verifies_by_the_own_consortium_file(
    played: Any,
    organizations: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["medquorum", "auditor", "verify", "--profile", str(played.rounds.running.profile(HOSPITAL)), "--json"]
    command += ["--task", played.rounds.name, "--round", "3", "--state-dir", str(tmp_path / "state")]
    command += ["--organizations", str(organizations)]
    own = (organizations.parent.parent / "consortium.toml").read_text()
    (tmp_path / "other.toml").write_text(own.replace("quorum = 2", "quorum = 3"))
    for more, code in (([], 0), (["--consortium", str(tmp_path / "other.toml")], 40)):
        monkeypatch.setattr("sys.argv", command + more)
        with pytest.raises(SystemExit) as caught:
            main()
        assert (caught.value.code or 0) == code
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        if code:
            assert told["check"] == "consortium"
        else:
            assert all(len(row["endorsed_by"]) >= 2 for row in told)
            assert {len(row["genesis"]) for row in told} == {64}


def roots(organizations: Path, label: str) -> list[x509.Certificate]:
    folder = next(organizations.glob(f"{label}.*")) / "msp" / "cacerts"
    return [x509.load_pem_x509_certificate(path.read_bytes()) for path in folder.glob("*.pem")]


def with_signature(raw: bytes) -> bytes:
    """Replace the endorsers' signatures of an envelope by others of the same form."""
    envelope = Envelope.FromString(raw)
    payload = Payload.FromString(envelope.payload)
    transaction = Transaction.FromString(payload.data)
    action = ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    first, *others = action.action.endorsements
    for item in (first, *others):
        item.signature = envelope.signature
    transaction.actions[0].payload = action.SerializeToString()
    payload.data = transaction.SerializeToString()
    envelope.payload = payload.SerializeToString()
    return bytes(envelope.SerializeToString())


def test_a_verifier_fetches_too(played: Any, organizations: Path) -> None:
    """Whoever is a member may: a verifier's client through its own peer."""
    rounds = played.rounds
    anchor = read_root(organizations, None)
    chain = Chain(rounds.network(VERIFIER), Trust("mychannel", "medquorum", anchor.authorities))
    found = fetch_proven(chain, rounds.ledger(VERIFIER), rounds.task, 2, anchor)
    assert found.model == played.models[2]
