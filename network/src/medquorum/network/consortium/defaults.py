# SPDX-License-Identifier: Apache-2.0
"""Fills a compact consortium file in: counts become organisations, ports follow from ``port_base``.

Orderer i (from 0) takes ``port_base + 10 i`` (+3 admin, +4 operations), organisation i ``port_base + 100 + 10 i + 1``
(+2 chaincode listener, +3 the service of a verifier, dealer or hospital, +4 operations, +5 to +9 chaincode processes),
so that adding a hospital at the end moves nobody. The last digits are those of Fabric's test network. Wrong types pass
through unchanged: the typed model names them.
"""

from __future__ import annotations

from typing import Any

from medquorum.errors import ConfigError

__all__ = ["expand"]

ORGANISATIONS_OFFSET = 100
STEP = 10
BFT_ORDERERS = 4
SERVING = ("verifier", "dealer", "hospital")
GLOBALS: dict[str, Any] = {"domain": "example.com", "host": "127.0.0.1", "port_base": 7050}


def expand(raw: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the explicit form of a parsed file; ``changes`` replaces hospitals, orderers, consensus, port_base...

    Raises
    ------
    ConfigError
        When a default for all nodes (domain, host, port_base) has the wrong type.
    """
    document = {"consensus": "BFT", "channel": {}, **raw}
    defaults = {key: document.pop(key, value) for key, value in GLOBALS.items()}
    defaults["port_base"] = changes.get("port_base", defaults["port_base"])
    document["consensus"] = changes.get("consensus", document["consensus"])
    if "batch_interval_ms" in changes and isinstance(document["channel"], dict):
        document["channel"] = document["channel"] | {"batch_interval_ms": changes["batch_interval_ms"]}
    for key, value in defaults.items():
        if not isinstance(value, type(GLOBALS[key])):
            raise ConfigError(f"{key}: {value!r} is no {type(GLOBALS[key]).__name__}", f"Such as {GLOBALS[key]!r}")
    organisations = _copies(document.get("organisations"), changes.get("hospitals"), "hospital")
    wanted = changes.get("orderers")
    orderers = _copies(document.get("orderers"), wanted, None)
    if wanted is None and changes.get("consensus") == "BFT" and len(orderers) < BFT_ORDERERS:
        orderers = _copies(document.get("orderers"), BFT_ORDERERS, None)
    document["organisations"] = [_organisation(o, i, defaults) for i, o in enumerate(organisations)]
    document["orderers"] = [_orderer(o, i, defaults) for i, o in enumerate(orderers)]
    _add_services(document["organisations"], document["orderers"], defaults)
    return document


def _copies(entries: Any, wanted: int | None, role: str | None) -> list[Any]:
    """Repeat entries that have a count; ``wanted`` replaces the count of the entry with the role."""
    if not isinstance(entries, list):
        return [] if entries is None else [entries]
    result: list[Any] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("count"), int):
            result.append(entry)
            continue
        rest = {key: value for key, value in entry.items() if key != "count"}
        replaced = wanted is not None and (role is None or role in entry.get("roles", []))
        count = wanted if replaced and wanted is not None else entry["count"]
        result += [rest | {"name": f"{entry.get('name', '')}{i + 1}"} for i in range(count)]
    return result


def _named(entry: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    name = str(entry.get("name", ""))
    return {"msp_id": f"{name}MSP", "domain": f"{name.lower()}.{defaults['domain']}", **entry}


def _organisation(entry: Any, index: int, defaults: dict[str, Any]) -> Any:
    if not isinstance(entry, dict):
        return entry
    base = defaults["port_base"] + ORGANISATIONS_OFFSET + STEP * index
    peer = entry.get("peer", {})
    if peer is False:
        return _named(entry, defaults) | {"peer": None}
    derived = {
        "host": defaults["host"],
        "port": base + 1,
        "chaincode_listen_port": base + 2,
        "operations_port": base + 4,
        "chaincode_ports": list(range(base + 5, base + 10)),
    }
    return _named(entry, defaults) | {"peer": derived | peer if isinstance(peer, dict) else peer}


def _orderer(entry: Any, index: int, defaults: dict[str, Any]) -> Any:
    if not isinstance(entry, dict):
        return entry
    base = defaults["port_base"] + STEP * index
    derived = {"host": defaults["host"], "port": base, "admin_port": base + 3, "operations_port": base + 4}
    return derived | _named(entry, defaults)


def _add_services(organisations: list[Any], orderers: list[Any], defaults: dict[str, Any]) -> None:
    """Assign verifiers, dealers and hospitals the port of a service, the next free one where a file uses it."""
    used = [port for entry in (*organisations, *orderers) for port in _ports(entry)]
    for index, entry in enumerate(organisations):
        roles = entry.get("roles") if isinstance(entry, dict) else None
        given = entry.get("service", {}) if isinstance(entry, dict) else None
        if not isinstance(roles, list) or not any(role in roles for role in SERVING) or not isinstance(given, dict):
            continue
        port = _base(organisations, index, defaults) + 3
        while port in used:
            port += 1
        peer = entry["peer"]
        host = peer.get("host", defaults["host"]) if isinstance(peer, dict) else defaults["host"]
        entry["service"] = {"host": host, "port": port} | given
        used.append(entry["service"]["port"])


def _base(organisations: list[Any], index: int, defaults: dict[str, Any]) -> int:
    """Return the first of an organisation's ten ports, from its peer's or the nearest other one's."""
    for other in sorted(range(len(organisations)), key=lambda other: abs(other - index)):
        entry = organisations[other]
        peer = entry.get("peer") if isinstance(entry, dict) else None
        if isinstance(peer, dict) and isinstance(peer["port"], int):
            return peer["port"] - 1 + STEP * (index - other)
    return int(defaults["port_base"]) + ORGANISATIONS_OFFSET + STEP * index


def _ports(entry: Any) -> list[Any]:
    """Return every port that a file's entry names."""
    ports: list[Any] = []
    for key, value in entry.items() if isinstance(entry, dict) else ():
        if isinstance(value, dict):
            ports += _ports(value)
        elif key.endswith("port"):
            ports.append(value)
        elif key.endswith("ports") and isinstance(value, list):
            ports += value
    return [port for port in ports if isinstance(port, int)]
