# SPDX-License-Identifier: Apache-2.0
"""Hospitals that join and leave: what becomes of ``consortium.toml``, and what would be left unable to act."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import Consortium, Organisation
from medquorum.network.consortium.defaults import ORGANISATIONS_OFFSET, STEP

__all__ = ["new_hospital", "with_hospital", "without_hospital"]


def with_hospital(consortium: Consortium, organisation: Organisation) -> Consortium:
    """Return the consortium with another hospital, or the same one when exactly that entry is there.

    Raises
    ------
    ConfigError
        When it would be more than a hospital, or its name, MSP id, domain or address is another's.
    """
    if organisation.roles != ["hospital"]:
        remedy = "A newcomer has the role hospital alone; other roles are everyone's decision, made in consortium.toml"
        raise ConfigError(f"{organisation.name} asks for the roles {', '.join(organisation.roles)}", remedy)
    if organisation in consortium.organisations:
        return consortium
    return _changed(consortium, [*consortium.organisations, organisation], f"{organisation.name} cannot be added")


def new_hospital(consortium: Consortium, name: str) -> Organisation:
    """Describe a hospital on this host, on the next free ports, named like the others.

    Raises
    ------
    ConfigError
        When the name is none, or taken.
    """
    last = consortium.members[-1]
    peers = [organisation.peer for organisation in consortium.members if organisation.peer]
    used = {port for peer in peers for port in peer.ports}
    used |= {organisation.service.port for organisation in consortium.organisations if organisation.service}
    used |= {port for organisation in consortium.orderers for port in organisation.ports}
    base = min(used) + ORGANISATIONS_OFFSET
    while used & set(range(base, base + STEP)):
        base += STEP
    entry: dict[str, Any] = {
        "name": name,
        "msp_id": f"{name}MSP",
        "domain": f"{name.lower()}.{last.domain.partition('.')[2]}",
        "roles": ["hospital"],
        "peer": {
            "host": peers[-1].host,
            "port": base + 1,
            "chaincode_listen_port": base + 2,
            "operations_port": base + 4,
            "chaincode_ports": list(range(base + 5, base + STEP)),
        },
        "service": {"host": peers[-1].host, "port": base + 3},
    }
    try:
        return Organisation.model_validate(entry)
    except ValidationError as error:
        raise ConfigError(f"{name!r} is no organisation's name", "Letters and digits, a letter first") from error


def without_hospital(consortium: Consortium, name: str) -> Consortium:
    """Return the consortium without a hospital.

    Raises
    ------
    ConfigError
        When it is none, or when no rule that needs it could be satisfied any more: the last hospital, the last
        coordinator.
    """
    organisation = consortium.organisation(name)
    if "hospital" not in organisation.roles:
        raise ConfigError(f"{organisation.name} is no hospital", f"Hospitals: {_names(consortium)}")
    if len(consortium.having("hospital")) == 1:
        raise ConfigError(
            f"{organisation.name} is the last hospital: changes would fall to the verifiers alone",
            "Add another hospital first, or end the consortium with `down`",
        )
    rest = [other for other in consortium.organisations if other is not organisation]
    return _changed(consortium, rest, f"{organisation.name} cannot be removed")


def _changed(consortium: Consortium, organisations: list[Organisation], what: str) -> Consortium:
    try:
        return Consortium.model_validate(consortium.model_copy(update={"organisations": organisations}).model_dump())
    except ValidationError as error:
        reasons = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        raise ConfigError(f"{what}: {reasons}", "Change consortium.toml so that every rule can be satisfied") from error


def _names(consortium: Consortium) -> str:
    return ", ".join(organisation.name for organisation in consortium.having("hospital"))
