# SPDX-License-Identifier: Apache-2.0
"""What the conformance scenarios need: organisations of a running network, and a client they can drive.

Two clients implement `ScenarioClient`: ours (`scenario_python`) and the official Node one (`scenario_node`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from medquorum.gateway import TlsIdentity

CHANNEL = "mychannel"
CHAINCODE = "asset"
BlockKind = Literal["full", "filtered", "private"]


@dataclass(frozen=True)
class Organisation:
    """One organisation of the network under test, as its connection profile and folder describe it."""

    name: str
    msp_id: str
    endpoint: str
    server_name: str
    roots: bytes = field(repr=False)
    tls: TlsIdentity = field(repr=False)
    folder: Path

    @classmethod
    def read(cls, profile: Path) -> Organisation:
        document = json.loads(profile.read_text())
        name = document["client"]["organization"]
        own = document["organizations"][name]
        pair = document["client"]["tlsCerts"]["client"]
        peer = document["peers"][own["peers"][0]]
        return cls(
            name,
            own["mspid"],
            peer["url"].removeprefix("grpcs://"),
            peer["grpcOptions"]["ssl-target-name-override"],
            peer["tlsCACerts"]["pem"].encode(),
            TlsIdentity(*((profile.parent / pair[kind]["path"]).read_bytes() for kind in ("cert", "key"))),
            profile.parent,
        )

    def identity(self, user: str = "User1") -> Identity:
        stored = json.loads(next((self.folder / "wallet").glob(f"{user}@*.id")).read_text())
        credentials = stored["credentials"]
        return Identity(self.msp_id, credentials["certificate"].encode(), credentials["privateKey"].encode())


@dataclass(frozen=True)
class Identity:
    """Who a client speaks for: PEM certificate and key."""

    msp_id: str
    certificate: bytes
    key: bytes = field(repr=False)

    def sign(self, digest: bytes, *, high: bool = False) -> bytes:
        """Sign off-line; ``high`` gives the malleable twin that Fabric refuses."""
        key = load_pem_private_key(self.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        order = key.curve.group_order
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        low, twin = sorted((s, order - s))
        return encode_dss_signature(r, twin if high else low)


class ScenarioError(Exception):
    """How a transaction failed: at a stage, with a gRPC or validation code, by which organisations' word."""

    def __init__(self, stage: str, code: str, organisations: Sequence[str], message: str) -> None:
        super().__init__(f"{stage} {code} {sorted(organisations)}: {message}")
        self.stage, self.code, self.organisations, self.message = stage, code, sorted(organisations), message


@contextmanager
def fails(stage: str, code: str, *organisations: Organisation, text: str = "") -> Iterator[None]:
    """Expect a failure with exactly these organisations in its details, and a chaincode's own text where given."""
    with pytest.raises(ScenarioError) as caught:
        yield
    error = caught.value
    expected = sorted(one.msp_id for one in organisations)
    assert (error.stage, error.code, error.organisations) == (stage, code, expected), str(error)
    assert text in error.message


def _differs(error: BaseException) -> bool:
    return isinstance(error, ScenarioError) and "do not match" in error.message


@retry(retry=retry_if_exception(_differs), wait=wait_fixed(0.1), stop=stop_after_delay(10), reraise=True)
def endorsed_alike(client: ScenarioClient, name: str, *arguments: str) -> Prepared:
    """Have a transaction endorsed that reads what was just written: a peer that lags answers something else."""
    return client.endorse(name, *arguments)


@dataclass(frozen=True)
class Prepared:
    """An endorsed transaction."""

    handle: Any
    transaction_id: str
    result: str


@dataclass(frozen=True)
class Outcome:
    """A validation code and the block that has it."""

    code: str
    block: int


@dataclass(frozen=True)
class Unsigned:
    """A message for off-line signing."""

    content: bytes
    digest: bytes


class Stream(Protocol):
    """Events or blocks as plain values; `next` waits for one."""

    def next(self) -> dict[str, Any]: ...
    def close(self) -> None: ...


class ScenarioClient(Protocol):
    """One identity's connection to one organisation's peer."""

    def evaluate(
        self,
        name: str,
        *arguments: str,
        transient: Mapping[str, str] | None = None,
        organisations: Sequence[Organisation] = (),
        chaincode: str = CHAINCODE,
        channel: str = CHANNEL,
    ) -> str: ...
    def submit(
        self,
        name: str,
        *arguments: str,
        transient: Mapping[str, str] | None = None,
        organisations: Sequence[Organisation] = (),
        chaincode: str = CHAINCODE,
        channel: str = CHANNEL,
    ) -> str: ...
    def endorse(
        self,
        name: str,
        *arguments: str,
        transient: Mapping[str, str] | None = None,
        organisations: Sequence[Organisation] = (),
    ) -> Prepared: ...
    def send(self, prepared: Prepared) -> None: ...
    def status(self, prepared: Prepared) -> Outcome: ...

    def propose(self, name: str, *arguments: str) -> Unsigned: ...
    def evaluate_signed(self, content: bytes, signature: bytes) -> str: ...
    def endorse_signed(self, content: bytes, signature: bytes) -> Unsigned: ...
    def submit_signed(self, content: bytes, signature: bytes) -> Unsigned: ...
    def status_signed(self, content: bytes, signature: bytes) -> Outcome: ...

    def events(self, start: int | None = None, checkpoint: tuple[int, str | None] | None = None) -> Stream: ...
    def blocks(
        self, kind: BlockKind, start: int | None = None, checkpoint: tuple[int, str | None] | None = None
    ) -> Stream: ...
    def close(self) -> None: ...


class ClientFactory(Protocol):
    """Connects an identity (none: signatures are made off-line) to an organisation's peer."""

    def __call__(self, organisation: Organisation, identity: Identity, *, signs: bool = True) -> ScenarioClient: ...
