# SPDX-License-Identifier: Apache-2.0
"""The channel's ledger: validates batches, appends blocks, applies them; takes up after a crash where it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.peer.transaction_pb2 import TxValidationCode

from medquorum.core.block_header import header_hash
from medquorum.network.devnet.ledger.apply import apply
from medquorum.network.devnet.ledger.block import assemble, validation_codes
from medquorum.network.devnet.ledger.block_file import BlockFiles, Location
from medquorum.network.devnet.ledger.endorsement import EndorsementCheck
from medquorum.network.devnet.ledger.mvcc import Serializer
from medquorum.network.devnet.ledger.state import State
from medquorum.network.devnet.ledger.store import Store
from medquorum.network.devnet.ledger.transaction import Malformed, Parsed, channel_header, parse
from medquorum.network.devnet.ledger.transient import TransientStore
from medquorum.network.devnet.ledger.updates import PrivateWrite, Updates, Version
from medquorum.network.devnet.policy import policy
from medquorum.network.devnet.policy.definition import Definitions
from medquorum.network.identity.msp import Identity, Msps, Signer

__all__ = ["Ledger", "Members"]

log = structlog.get_logger(__name__)


@dataclass
class Members:
    """The application's organisations, the identities of their peers, and which peers are down."""

    application: frozenset[str]
    peers: dict[str, Identity]
    down: set[str] = field(default_factory=set)

    def eligible(self, collection_policy: Any) -> list[str]:
        """Return the MSP ids whose peer is a member of a collection."""
        return [msp for msp, peer in self.peers.items() if policy.satisfied(collection_policy, [peer])]


class Ledger:
    """One channel. `commit` is called from one thread; everything else may be called from any."""

    def __init__(
        self,
        folder: Path,
        channel_id: str,
        msps: Msps,
        members: Members,
        definitions: Definitions,
        orderers: Sequence[Signer],
        *,
        bft: bool = False,
    ) -> None:
        self.channel_id = channel_id
        self.msps = msps
        self.members = members
        self.definitions = definitions
        self._orderers, self._bft = orderers, bft
        self.files = BlockFiles(folder / "blocks")
        self.store = Store(folder / "state.db")
        self.transient = TransientStore(folder / "transient.db")
        self._number, self._hash = -1, b""
        self._take_up()

    @property
    def height(self) -> int:
        """Number of blocks."""
        return self._number + 1

    @property
    def tip_hash(self) -> bytes:
        """Hash of the last block's header."""
        return self._hash

    def block(self, number: int) -> Any | None:
        """Read a block; None when there is none."""
        with self.store.snapshot() as connection:
            location = State(connection).location(number)
        return self.files.read(location) if location else None

    def transaction(self, tx_id: str) -> tuple[int, int, int] | None:
        """Find a committed transaction: block, position, validation code."""
        with self.store.snapshot() as connection:
            return State(connection).transaction(tx_id)

    def genesis(self, envelope: bytes) -> None:
        """Start an empty chain with a configuration block."""
        if self._number < 0:
            self._append([envelope], bytes([TxValidationCode.VALID]), Updates())

    def commit(self, envelopes: Sequence[bytes]) -> tuple[int, list[tuple[str, int]]]:
        """Validate a batch and append it; return the block's number, and each transaction's id and code."""
        number = self.height
        parsed = [self._parse(data) for data in envelopes]
        with self.store.snapshot() as connection:
            state = State(connection)
            codes = self._check(parsed, state)
            updates = self._serialize(parsed, codes, state, number)
        ids = [
            transaction.tx_id if isinstance(transaction, Parsed) else _claimed_id(data)
            for transaction, data in zip(parsed, envelopes, strict=True)
        ]
        updates.transactions = [
            (tx_id, i, code) for i, (tx_id, code) in enumerate(zip(ids, codes, strict=True)) if tx_id
        ]
        self._append(envelopes, bytes(codes), updates)
        self.transient.prune([tx_id for tx_id in ids if tx_id], self.height)
        return number, list(zip(ids, codes, strict=True))

    def reconcile(self, msp_id: str) -> None:
        """Fetch what an organisation lacks of its private data from the others, when its peer is back."""
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM missing WHERE msp = ? AND lost = 0", (msp_id,))

    def close(self) -> None:
        """Close the files; no commit and no snapshot may be going on."""
        self.files.close()
        self.store.close()
        self.transient.close()

    def _parse(self, data: bytes) -> Parsed | Malformed:
        try:
            return parse(data, self.channel_id, self.msps)
        except Malformed as fault:
            return fault

    def _check(self, parsed: Sequence[Parsed | Malformed], state: State) -> list[int]:
        """Return each transaction's code before serialization: form, repeated id, endorsement policies."""
        definitions = self.definitions.current()
        check = EndorsementCheck(definitions, tuple(self.members.peers), state, self.msps)
        codes, seen = [], set[str]()
        for transaction in parsed:
            if isinstance(transaction, Malformed):
                codes.append(transaction.code)
            elif transaction.tx_id in seen or state.transaction(transaction.tx_id):
                codes.append(int(TxValidationCode.DUPLICATE_TXID))
            else:
                codes.append(check.code(transaction))
                if codes[-1] == TxValidationCode.VALID:
                    seen.add(transaction.tx_id)
        return codes

    def _serialize(self, parsed: Sequence[Parsed | Malformed], codes: list[int], state: State, number: int) -> Updates:
        """Check reads in order, set conflicting transactions' codes, and collect the others' writes."""
        serializer = Serializer(state)
        for position, transaction in enumerate(parsed):
            if isinstance(transaction, Malformed) or codes[position] != TxValidationCode.VALID:
                continue
            codes[position] = serializer.code(transaction)
            if codes[position] == TxValidationCode.VALID:
                self._accept(serializer, transaction, (number, position))
        return serializer.updates

    def _accept(self, serializer: Serializer, transaction: Parsed, version: Version) -> None:
        before = len(serializer.updates.collections)
        serializer.apply(transaction, version)
        for namespace, collection, wanted, _ in serializer.updates.collections[before:]:
            self._private(serializer.updates, transaction.tx_id, namespace, collection, wanted, version)

    def _private(
        self, updates: Updates, tx_id: str, namespace: str, collection: str, wanted: bytes, version: Version
    ) -> None:
        """Return a collection's members their private data; note who lacks it and when it ends."""
        definition = self.definitions.get(namespace)
        config = definition.collection(collection) if definition else None
        if config is None:
            return
        if config.block_to_live:
            updates.expiries.append((version[0] + config.block_to_live + 1, namespace, collection, version))
        members = self.members.eligible(config.members)
        write_set = self.transient.find(tx_id, namespace, collection, wanted)
        if write_set is None:
            log.warning("private data is nowhere to be found", transaction=tx_id, collection=collection)
            updates.missing += [(msp, namespace, collection, version, True) for msp in members]
            return
        down = [msp for msp in members if msp in self.members.down]
        updates.missing += [(msp, namespace, collection, version, False) for msp in down]
        updates.private += private_writes(namespace, collection, KVRWSet.FromString(write_set), version)

    def _append(self, envelopes: Sequence[bytes], codes: bytes, updates: Updates) -> None:
        block = assemble(self.height, self._hash, envelopes, codes, self._orderers, bft=self._bft)
        location = self.files.append(block.SerializeToString())
        self._record(block, location, updates)

    def _record(self, block: Any, location: Location, updates: Updates) -> None:
        number, block_hash = block.header.number, header_hash(block.header)
        with self.store.transaction() as connection:
            apply(connection, number, block_hash, location, updates)
        self._number, self._hash = number, block_hash

    def _take_up(self) -> None:
        """Continue from the database, and apply again the blocks a crash kept out of it."""
        with self.store.snapshot() as connection:
            tip = State(connection).tip()
            after = State(connection).location(tip[0]) if tip else None
        if tip:
            self._number, self._hash = tip
        for location, block in self.files.recover(after):
            log.info("block applied again after a crash", number=block.header.number)
            self._record(block, location, self._replay(block))

    def _replay(self, block: Any) -> Updates:
        """Collect a block's writes by the validation codes it carries."""
        codes = validation_codes(block)
        updates = Updates()
        with self.store.snapshot() as connection:
            serializer = Serializer(State(connection), updates)
            for position, (data, code) in enumerate(zip(block.data.data, codes, strict=True)):
                transaction = self._parse(data)
                if isinstance(transaction, Parsed) and code == TxValidationCode.VALID:
                    self._accept(serializer, transaction, (block.header.number, position))
                tx_id = transaction.tx_id if isinstance(transaction, Parsed) else _claimed_id(data)
                if tx_id:
                    updates.transactions.append((tx_id, position, code))
        return updates


def private_writes(namespace: str, collection: str, writes: Any, version: Version) -> Iterable[PrivateWrite]:
    """Return the writes of a private write set (``KVRWSet``)."""
    written = {write.key for write in writes.writes}
    for write in writes.writes:
        value = None if write.is_delete or not write.value else bytes(write.value)
        yield PrivateWrite(namespace, collection, write.key, value, False, version)
    for write in writes.metadata_writes:
        if write.key not in written:
            yield PrivateWrite(namespace, collection, write.key, None, True, version)


def _claimed_id(data: bytes) -> str:
    header = channel_header(data)
    return str(header.tx_id) if header else ""
