# SPDX-License-Identifier: Apache-2.0
"""A ledger in memory for unit tests: several organisations' chaincodes, private stores, history and events.

Every endorser simulates on its own chaincode; the results must be byte-equal, then they are committed at once (no
ordering, no MVCC, no signature or policy check except key-level policies, which are recorded). ``Simulation`` shows
the read and write sets.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from medquorum.gateway import EndorseError
from medquorum.shim import Chaincode, ChaincodeError, ClientIdentity, KeyModification, KeyValue, PeerError, Response
from medquorum.shim.keys import check_key, composite_range, create_composite_key, simple_range, split_composite_key

NOTHING: Mapping[str, bytes] = MappingProxyType({})
EPOCH = 1_700_000_000_000_000_000


@functools.cache
def creator(msp_id: str, unit: str = "client") -> bytes:
    """Return a ``SerializedIdentity`` of the organisation whose certificate has the organisational unit."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, f"User1@{msp_id.lower()}"),
        ]
    )
    start = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return bytes(identities_pb2.SerializedIdentity(mspid=msp_id, id_bytes=pem).SerializeToString())


@dataclass
class Simulation:
    """What one endorser's simulation read and wrote; equal simulations are equal objects."""

    reads: list[str] = field(default_factory=list)
    private_reads: list[tuple[str, str]] = field(default_factory=list)
    hash_reads: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[tuple[str, str]] = field(default_factory=list)
    writes: dict[str, bytes | None] = field(default_factory=dict)
    policies: dict[str, bytes] = field(default_factory=dict)
    private_writes: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    purges: list[tuple[str, str]] = field(default_factory=list)
    event: tuple[str, bytes] | None = None
    response: Response = field(default_factory=lambda: Response(0))


@dataclass
class Organisation:
    """One organisation's peer: its chaincode and its private values."""

    chaincode: Chaincode
    private: dict[tuple[str, str], bytes] = field(default_factory=dict)


class MemoryLedger:
    """One channel. ``collections`` gives the members of each private collection."""

    def __init__(self, collections: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        self.collections = {name: list(members) for name, members in collections.items()}
        self.organisations: dict[str, Organisation] = {}
        self.state: dict[str, bytes] = {}
        self.policies: dict[str, bytes] = {}
        self.hashes: dict[tuple[str, str], bytes] = {}
        self.history: dict[str, list[KeyModification]] = {}
        self.events: list[tuple[str, bytes]] = []
        self.simulations: list[tuple[str, Simulation]] = []
        self.height = 0

    def join(self, msp_id: str, chaincode: Chaincode) -> None:
        """Add an organisation's peer."""
        self.organisations[msp_id] = Organisation(chaincode)

    def simulate(
        self, peer: str, sender: bytes, function: str, *args: str, transient: Mapping[str, bytes] = NOTHING
    ) -> Simulation:
        """Run a transaction on one peer's chaincode without committing it."""
        stub = MemoryStub(self, peer, sender, [function.encode(), *(a.encode() for a in args)], transient)
        stub.simulation.response = self.organisations[peer].chaincode.invoke(stub)
        self.simulations.append((function, stub.simulation))
        return stub.simulation

    def evaluate(self, peer: str, sender: bytes, function: str, *args: str) -> bytes:
        """Answer a question; ``PeerError`` with the chaincode's text when it refuses."""
        return _payload(self.simulate(peer, sender, function, *args))

    def submit(
        self,
        endorsers: Sequence[str],
        sender: bytes,
        function: str,
        *args: str,
        transient: Mapping[str, bytes] = NOTHING,
    ) -> bytes:
        """Endorse on every named peer and commit.

        Raises
        ------
        PeerError
            An endorser refused.
        EndorseError
            The endorsers' results differ.
        """
        simulations = [self.simulate(e, sender, function, *args, transient=transient) for e in endorsers]
        payload = _payload(simulations[0])
        for other in simulations[1:]:
            _payload(other)
            if other != simulations[0]:
                raise EndorseError("ProposalResponsePayloads do not match", code="ABORTED")
        self.commit(simulations[0])
        return payload

    def commit(self, simulation: Simulation) -> None:
        """Write a simulation's results."""
        self.height += 1
        for key, value in simulation.writes.items():
            change = KeyModification(f"tx{self.height}", value or b"", EPOCH + self.height, value is None)
            self.history.setdefault(key, []).insert(0, change)
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.policies |= {key: policy for key, policy in simulation.policies.items() if key in self.state}
        for place, private in simulation.private_writes.items():
            self._each_member(place, private)
        for place in simulation.purges:
            self._each_member(place, None)
        if simulation.event is not None:
            self.events.append(simulation.event)

    def write_private(self, collection: str, key: str, value: bytes) -> None:
        """Put a value where no transaction could have put it."""
        self._each_member((collection, key), value)

    def _each_member(self, place: tuple[str, str], value: bytes | None) -> None:
        if value is None:
            self.hashes.pop(place, None)
        else:
            self.hashes[place] = hashlib.sha256(value).digest()
        for member in self.collections[place[0]]:
            if member not in self.organisations:
                continue
            if value is None:
                self.organisations[member].private.pop(place, None)
            else:
                self.organisations[member].private[place] = value


class MemoryStub:
    """A ``medquorum.shim.interface.Stub`` over a ``MemoryLedger``; reads do not see the invocation's writes."""

    def __init__(
        self, ledger: MemoryLedger, peer: str, sender: bytes, args: Sequence[bytes], transient: Mapping[str, bytes]
    ) -> None:
        self.simulation = Simulation()
        self._ledger = ledger
        self._peer = peer
        self._sender = sender
        self._args = args
        self._transient = transient

    @property
    def tx_id(self) -> str:
        return f"tx{self._ledger.height + 1}"

    @property
    def channel_id(self) -> str:
        return "mychannel"

    def get_args(self) -> Sequence[bytes]:
        return self._args

    def get_transient(self) -> Mapping[str, bytes]:
        return self._transient

    def get_creator(self) -> bytes:
        return self._sender

    def get_tx_timestamp(self) -> int:
        return EPOCH + self._ledger.height + 1

    def get_state(self, key: str) -> bytes | None:
        self.simulation.reads.append(check_key(key))
        return self._ledger.state.get(key)

    def get_multiple_states(self, names: Sequence[str]) -> list[bytes | None]:
        return [self.get_state(name) for name in names]

    def put_state(self, key: str, value: bytes) -> None:
        self.simulation.writes[check_key(key)] = _filled(value)

    def del_state(self, key: str) -> None:
        self.simulation.writes[check_key(key)] = None

    def get_state_by_range(self, start: str, end: str) -> Iterator[KeyValue]:
        return self._range(*simple_range(start, end))

    def create_composite_key(self, object_type: str, attributes: Sequence[str]) -> str:
        return create_composite_key(object_type, attributes)

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        return split_composite_key(key)

    def get_state_by_partial_composite_key(self, object_type: str, attributes: Sequence[str]) -> Iterator[KeyValue]:
        return self._range(*composite_range(object_type, attributes))

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        return iter(self._ledger.history.get(key, []))

    def set_state_validation_parameter(self, key: str, policy: bytes) -> None:
        self.simulation.policies[check_key(key)] = policy

    def get_state_validation_parameter(self, key: str) -> bytes | None:
        return self._ledger.policies.get(key)

    def get_private_data(self, collection: str, key: str) -> bytes | None:
        members = self._ledger.collections[collection]
        if self._peer not in members or ClientIdentity(self._sender).msp_id not in members:
            raise PeerError(f"tx creator does not have read access permission on privatedata in {collection}")
        self.simulation.private_reads.append((collection, check_key(key)))
        return self._ledger.organisations[self._peer].private.get((collection, key))

    def get_multiple_private_data(self, collection: str, names: Sequence[str]) -> list[bytes | None]:
        return [self.get_private_data(collection, name) for name in names]

    def get_private_data_hash(self, collection: str, key: str) -> bytes | None:
        self.simulation.hash_reads.append((collection, check_key(key)))
        return self._ledger.hashes.get((collection, key))

    def put_private_data(self, collection: str, key: str, value: bytes) -> None:
        self.simulation.private_writes[collection, check_key(key)] = _filled(value)

    def del_private_data(self, collection: str, key: str) -> None:
        self.simulation.private_writes[collection, check_key(key)] = None

    def purge_private_data(self, collection: str, key: str) -> None:
        self.simulation.purges.append((collection, check_key(key)))

    def get_private_data_by_range(self, collection: str, start: str, end: str) -> Iterator[KeyValue]:
        return self._private_range(collection, *simple_range(start, end))

    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: Sequence[str]
    ) -> Iterator[KeyValue]:
        return self._private_range(collection, *composite_range(object_type, attributes))

    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None:
        raise NotImplementedError

    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None:
        raise NotImplementedError

    def set_event(self, name: str, payload: bytes) -> None:
        self.simulation.event = (name, payload)

    def invoke_chaincode(self, name: str, args: Sequence[bytes], channel: str = "") -> Response:
        raise NotImplementedError

    def _range(self, start: str, end: str) -> Iterator[KeyValue]:
        self.simulation.ranges.append((start, end))
        for key in sorted(self._ledger.state):
            if start <= key and (not end or key < end):
                yield KeyValue(key, self._ledger.state[key])

    def _private_range(self, collection: str, start: str, end: str) -> Iterator[KeyValue]:
        private = self._ledger.organisations[self._peer].private
        for place, key in sorted(private):
            if place == collection and start <= key and (not end or key < end):
                yield KeyValue(key, private[place, key])


def _filled(value: bytes) -> bytes:
    if not value:
        raise ChaincodeError("EMPTY_VALUE", "a peer takes an empty value as a delete")
    return value


def _payload(simulation: Simulation) -> bytes:
    if simulation.response.status >= 400:
        raise PeerError(simulation.response.message)
    return simulation.response.payload
