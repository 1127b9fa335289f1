# SPDX-License-Identifier: Apache-2.0
"""The consortium: who takes part, in which role, where its nodes listen (``consortium.toml``).

A file may be compact (``count = 10``, ports derived from ``port_base``) or explicit (every address written out);
`load` reads both, `write` writes the explicit form. Unknown fields are refused.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from medquorum.core.documents.consortium import founding_hash, least_quorum
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ConfigError
from medquorum.network.consortium.defaults import expand

__all__ = [
    "LOOPBACK",
    "SAMPLES",
    "AnyOrganisation",
    "Channel",
    "Consortium",
    "OrdererOrganisation",
    "Organisation",
    "Peer",
    "Service",
    "load",
    "sample",
    "write",
]

SAMPLES = ("quickstart", "small")
BFT_MINIMUM = 4
LOOPBACK = "127.0.0.1"

Role = Literal["coordinator", "verifier", "dealer", "hospital", "auditor"]
Consensus = Literal["BFT", "raft"]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
MspId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]
Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]*$", max_length=249)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Peer(_Table):
    """One organisation's peer (``peer0.<domain>``) and its chaincode processes (one port each), on one host."""

    host: Host
    port: Port
    chaincode_listen_port: Port
    chaincode_ports: Annotated[list[Port], Field(min_length=1)]
    operations_port: Port

    @property
    def address(self) -> str:
        """Host and port of the peer's gateway."""
        return f"{self.host}:{self.port}"

    @property
    def chaincode_address(self) -> str:
        """Host and port of the organisation's first chaincode process: the peer dials it on its own host."""
        return f"{LOOPBACK}:{self.chaincode_ports[0]}"

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port on which the peer and its chaincode listen."""
        return (self.port, self.chaincode_listen_port, self.operations_port, *self.chaincode_ports)


class Service(_Table):
    """Where a verifier, dealer or aggregation node serves the others in encrypted tasks (``service.<domain>``)."""

    host: Host
    port: Port

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


class Organisation(_Table):
    """A member of the channel; a dealer or an auditor may have no peer."""

    name: Name
    msp_id: MspId
    domain: Domain
    roles: Annotated[list[Role], Field(min_length=1)]
    peer: Peer | None
    service: Service | None = None

    @property
    def node(self) -> str:
        """Name of the peer, as in its certificate."""
        return f"peer0.{self.domain}"

    @property
    def service_node(self) -> str:
        """Name of the service, as in its certificate."""
        return f"service.{self.domain}"

    @property
    def label(self) -> str:
        """First label of the domain: the short name in files (``connection-hospital1.json``)."""
        return self.domain.partition(".")[0]


class OrdererOrganisation(_Table):
    """An organisation of the ordering service with its one consenter (``orderer.<domain>``)."""

    name: Name
    msp_id: MspId
    domain: Domain
    host: Host
    port: Port
    admin_port: Port
    operations_port: Port

    @property
    def node(self) -> str:
        """Name of the orderer, as in its certificate."""
        return f"orderer.{self.domain}"

    @property
    def label(self) -> str:
        """First label of the domain."""
        return self.domain.partition(".")[0]

    @property
    def address(self) -> str:
        """Host and port at which peers and the other consenters reach it."""
        return f"{self.host}:{self.port}"

    @property
    def admin_address(self) -> str:
        """Host and port of the channel participation API (``osnadmin``): on its own host only."""
        return f"{LOOPBACK}:{self.admin_port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port on which the orderer listens."""
        return (self.port, self.admin_port, self.operations_port)


AnyOrganisation = Organisation | OrdererOrganisation
One = TypeVar("One", bound=AnyOrganisation)


class Channel(_Table):
    """The channel's name and block cutting: milliseconds, transactions and bytes per block."""

    name: ChannelName = "mychannel"
    batch_interval_ms: Annotated[int, Field(ge=10, le=60_000)] = 200
    max_message_count: Annotated[int, Field(ge=1, le=10_000)] = 50
    absolute_max_bytes: Annotated[int, Field(ge=1 << 20, le=99 << 20)] = 10 << 20
    preferred_max_bytes: Annotated[int, Field(ge=1 << 16, le=99 << 20)] = 2 << 20

    @model_validator(mode="after")
    def _preferred_within_absolute(self) -> Self:
        if self.preferred_max_bytes > self.absolute_max_bytes:
            raise ValueError("preferred_max_bytes is above absolute_max_bytes")
        return self


class Consortium(_Table):
    """The whole description, every default filled in. ``quorum`` is k: how many verifiers a transaction needs."""

    name: Annotated[str, StringConstraints(min_length=1)]
    consensus: Consensus
    quorum: Annotated[int, Field(ge=1)]
    channel: Channel
    organisations: Annotated[list[Organisation], Field(min_length=1)]
    orderers: Annotated[list[OrdererOrganisation], Field(min_length=1)]

    @property
    def members(self) -> tuple[Organisation, ...]:
        """The organisations that run a peer."""
        return tuple(o for o in self.organisations if o.peer)

    @property
    def everyone(self) -> tuple[AnyOrganisation, ...]:
        """The members of the channel and the orderer organisations."""
        return (*self.organisations, *self.orderers)

    @property
    def founding_hash(self) -> str:
        """What a verifier's chaincode is told to expect of the ledger's first consortium."""
        return founding_hash(
            self.quorum, {organisation.msp_id: organisation.roles for organisation in self.organisations}
        )

    def having(self, role: Role) -> tuple[Organisation, ...]:
        """Organisations with a role, in the file's order."""
        return tuple(o for o in self.organisations if role in o.roles)

    def organisation(self, name: str) -> Organisation:
        """Find an organisation by name, MSP id or domain.

        Raises
        ------
        ConfigError
            When there is none.
        """
        return _find(self.organisations, name)

    def anyone(self, name: str) -> AnyOrganisation:
        """Find an organisation of either kind; as `organisation`."""
        return _find(self.everyone, name)

    def on_channel(self, name: str) -> Consortium:
        """Return the same consortium on a channel of another name."""
        try:
            channel = Channel.model_validate(self.channel.model_dump() | {"name": name})
        except ValidationError as error:
            remedy = "Lower-case letters, digits, dots and dashes, a letter first"
            raise ConfigError(f"{name!r} is no channel name", remedy) from error
        return self.model_copy(update={"channel": channel})

    @model_validator(mode="after")
    def _check(self) -> Self:
        verifiers = self.having("verifier")
        if self.quorum > len(verifiers):
            raise ValueError(f"quorum {self.quorum} is above the number of verifiers, {len(verifiers)}")
        if self.quorum < least_quorum(len(verifiers)):
            raise ValueError(f"with quorum {self.quorum} one of {len(verifiers)} verifiers would decide alone")
        if not self.having("coordinator"):
            raise ValueError("no organisation has the role coordinator")
        for organisation in (*verifiers, *self.having("hospital")):
            if organisation.peer is None:
                raise ValueError(f"{organisation.name} is a verifier or hospital and needs a peer")
        if self.consensus == "BFT" and len(self.orderers) < BFT_MINIMUM:
            raise ValueError(f"BFT needs at least {BFT_MINIMUM} orderers, {len(self.orderers)} given")
        for field in ("name", "msp_id", "domain"):
            _unique(field, [getattr(organisation, field) for organisation in self.everyone])
        _unique(
            "port",
            [f"{o.peer.host}:{p}" for o in self.members if o.peer for p in o.peer.ports]
            + [o.service.address for o in self.organisations if o.service]
            + [f"{o.host}:{p}" for o in self.orderers for p in o.ports],
        )
        return self


def load(path: Path) -> Consortium:
    """Read a consortium file.

    Raises
    ------
    ConfigError
        When it is missing, not TOML (with the line), or a field is wrong or unknown (with the field).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Write one with `medquorum-network init`"
        raise ConfigError(f"cannot read the consortium file {path}: {error}", remedy) from error
    return _parse(text, str(path), {})


def sample(
    name: str,
    *,
    hospitals: int | None = None,
    port_base: int | None = None,
    consensus: str | None = None,
    orderers: int | None = None,
    batch_interval_ms: int | None = None,
) -> Consortium:
    """Make a consortium from a shipped sample (``quickstart``, ``small``), with the given values in place of its own.

    Without ``orderers``, BFT takes at least four.
    """
    if name not in SAMPLES:
        raise ConfigError(f"no sample {name!r}", f"Samples: {', '.join(SAMPLES)}")
    text = resources.files("medquorum.network").joinpath("samples", f"{name}.toml").read_text(encoding="utf-8")
    changes = {
        "hospitals": hospitals,
        "port_base": port_base,
        "consensus": consensus,
        "orderers": orderers,
        "batch_interval_ms": batch_interval_ms,
    }
    return _parse(text, f"sample {name}", {key: value for key, value in changes.items() if value is not None})


def write(consortium: Consortium, path: Path) -> None:
    """Write the explicit form, which `load` reads back to an equal consortium."""
    top = [f"{key} = {_value(getattr(consortium, key))}" for key in ("name", "consensus", "quorum")]
    parts = ["# Who takes part, in which role, and where its nodes listen (docs/reference/network.md).", *top]
    parts += ["", "[channel]", *_lines(consortium.channel.model_dump())]
    for organisation in consortium.organisations:
        document = organisation.model_dump(exclude_none=True)
        parts += ["", "[[organisations]]", *_lines({"peer": False} | document)]
    for orderer in consortium.orderers:
        parts += ["", "[[orderers]]", *_lines(orderer.model_dump())]
    make_private_folder(path.parent)
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _find(organisations: Sequence[One], name: str) -> One:
    for organisation in organisations:
        if name in (organisation.name, organisation.msp_id, organisation.domain, organisation.label):
            return organisation
    known = ", ".join(organisation.name for organisation in organisations)
    raise ConfigError(f"no organisation {name!r} in the consortium", f"Known: {known}")


def _parse(text: str, source: str, changes: dict[str, Any]) -> Consortium:
    try:
        return Consortium.model_validate(expand(tomllib.loads(text), changes))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source} is not TOML: {error}", "Correct that line") from error
    except ValidationError as error:
        problems = "; ".join(f"{_place(e['loc'])}{e['msg'].removeprefix('Value error, ')}" for e in error.errors()[:5])
        raise ConfigError(
            f"{source}: {problems}", "Correct the named fields; docs/reference/network.md lists them"
        ) from error


def _place(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return f"{text.removeprefix('.')}: " if text else ""


def _unique(what: str, values: list[str]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{what} used twice: {', '.join(repeated)}")


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(_lines(value)) + " }"
    return json.dumps(value, ensure_ascii=False)
