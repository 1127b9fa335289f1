# SPDX-License-Identifier: Apache-2.0
"""The official Fabric Gateway's scenarios with our client: one function per kind of step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pytest_bdd import parsers, scenarios, step

from medquorum.gateway import GatewayError, private_key_signer
from medquorum_testing.gateway.gateway_scenario import Connection, Invocation, ScenarioNetwork

pytestmark = pytest.mark.usefixtures("network")
scenarios("features")

KIND = "(?P<kind>chaincode|block|filtered block|block and private data)"
ON = '(?: on (?:a listener named )?"(?P<listener>[^"]*)")?'


@dataclass
class World:
    """What one scenario has made so far."""

    network: ScenarioNetwork
    connections: dict[str, Connection] = field(default_factory=dict)
    current: str = ""
    invocation: Invocation | None = None

    @property
    def connection(self) -> Connection:
        return self.connections[self.current]

    @property
    def transaction(self) -> Invocation:
        assert self.invocation is not None, "no transaction was prepared"
        return self.invocation

    @property
    def refused(self) -> GatewayError:
        error = self.transaction.error
        assert isinstance(error, GatewayError)
        return error


@pytest.fixture
def world(network: ScenarioNetwork) -> Iterator[World]:
    made = World(network)
    yield made
    for connection in made.connections.values():
        connection.close()


def _step(pattern: str) -> parsers.re:
    return parsers.re(pattern + "$")


# The network


@step("I have deployed a Fabric network")
def _have_network(world: World) -> None:
    world.network.start_peers()


@step("I have created and joined all channels")
def _have_channel(world: World) -> None:
    assert world.network.has_peer("peer0.org1.example.com")


@step(
    _step(
        r"I deploy \S+ chaincode named (?P<name>\S+) at version (?P<version>\S+) for all organizations on channel "
        r"mychannel with endorsement policy (?P<policy>.+)"
    )
)
def _deploy(world: World, name: str, version: str, policy: str) -> None:
    world.network.deploy(name, version, policy)


@step(_step(r"I stop the peer named (?P<peer>\S+)"))
def _stop_peer(world: World, peer: str) -> None:
    world.network.stop_peer(peer)


# Connections


@step(
    _step(
        r"I create a gateway named (?P<name>\S+)(?P<unsigned> without signer)? for user (?P<user>\S+) "
        r"in MSP (?P<msp>\S+)"
    )
)
def _create_gateway(world: World, name: str, unsigned: str | None, user: str, msp: str) -> None:
    identity = world.network.organisation(msp).identity(user)
    world.connections[name] = Connection(identity, signs=not unsigned)
    world.current = name


@step(_step(r"I connect the gateway to (?P<peer>\S+)"))
def _connect(world: World, peer: str) -> None:
    world.connection.connect(world.network.peer(peer))


@step(_step(r"I use the gateway named (?P<name>\S+)"))
def _use_gateway(world: World, name: str) -> None:
    assert name in world.connections
    world.current = name


@step(_step(r"I use the (?P<channel>\S+) network"))
def _use_network(world: World, channel: str) -> None:
    world.connection.use_network(channel)


@step(_step(r"I use the (?P<chaincode>\S+) contract"))
def _use_contract(world: World, chaincode: str) -> None:
    world.connection.use_contract(chaincode)


# Transactions


@step(_step(r"I prepare to (?P<action>submit|evaluate) an? (?P<name>\S+) transaction"))
def _prepare(world: World, action: str, name: str) -> None:
    world.invocation = world.connection.prepare(name, submits=action == "submit")


@step(_step(r"I set the transaction arguments? to (?P<arguments>.+)"))
def _set_arguments(world: World, arguments: str) -> None:
    world.transaction.arguments = json.loads(arguments)


@step("I set transient data on the transaction to")
def _set_transient(world: World, datatable: list[list[str]]) -> None:
    world.transaction.transient = {name: value for name, value in datatable}


@step(_step(r"I set the endorsing organizations? to (?P<msp_ids>.+)"))
def _set_endorsers(world: World, msp_ids: str) -> None:
    world.transaction.endorsers = json.loads(msp_ids)


@step(_step(r"I do off-line signing as user (?P<user>\S+) in MSP (?P<msp>\S+)"))
def _sign_off_line(world: World, user: str, msp: str) -> None:
    world.transaction.signer = private_key_signer(world.network.organisation(msp).identity(user).key)


@step("I invoke the transaction")
def _invoke(world: World) -> None:
    world.transaction.invoke()


@step(_step('the response should be "(?P<expected>[^"]*)"'))
def _response_is(world: World, expected: str) -> None:
    assert world.transaction.result.decode() == expected


@step("the response should be JSON matching")
def _response_matches(world: World, docstring: str) -> None:
    assert json.loads(world.transaction.result) == json.loads(docstring)


# Errors


@step("the transaction invocation should fail")
def _invocation_fails(world: World) -> None:
    assert world.transaction.fails()


@step(_step(r"the error status should be (?P<status>\S+)"))
def _status_is(world: World, status: str) -> None:
    assert world.refused.code == status


@step(_step('the error message should contain "(?P<text>[^"]*)"'))
def _message_contains(world: World, text: str) -> None:
    assert text in world.refused.cause


@step("the error details should be")
def _details_are(world: World, datatable: list[list[str]]) -> None:
    expected = {}
    for address, msp_id, text in datatable:
        peer = address.partition(":")[0]
        if world.network.has_peer(peer):
            expected[world.network.peer(peer).endpoint] = (msp_id, text)
    found = {detail.address: (detail.msp_id, detail.message) for detail in world.refused.details}
    assert found.keys() == expected.keys()
    for address, (msp_id, text) in expected.items():
        assert found[address][0] == msp_id
        assert text in found[address][1]


# Events


@step("I create a checkpointer")
def _create_checkpointer(world: World) -> None:
    world.connection.create_checkpointer()


@step(_step(rf"I (?P<checkpoints>use the checkpointer to )?listen for {KIND} events(?: from (?P<chaincode>\S+?))?{ON}"))
def _listen(world: World, checkpoints: str | None, kind: str, chaincode: str | None, listener: str | None) -> None:
    world.connection.listen(kind, listener or "", chaincode or "", checkpoints=bool(checkpoints))


@step(_step(rf"I replay {KIND} events(?: from (?P<chaincode>\S+))? starting at last committed block"))
def _replay(world: World, kind: str, chaincode: str | None) -> None:
    world.connection.listen(kind, "", chaincode or "", start=world.transaction.block)


@step(_step(rf"I stop listening for {KIND} events{ON}"))
def _stop_listening(world: World, kind: str, listener: str | None) -> None:
    world.connection.stop_listening(kind, listener or "")


@step(_step(rf'I should receive a chaincode event named "(?P<name>[^"]*)" with payload "(?P<payload>[^"]*)"{ON}'))
def _receive_chaincode_event(world: World, name: str, payload: str, listener: str | None) -> None:
    event = world.connection.next_event("chaincode", listener or "")
    assert (event.name, event.payload.decode()) == (name, payload)


@step(_step(rf"I should receive a (?P<kind>block|filtered block|block and private data) event{ON}"))
def _receive_block(world: World, kind: str, listener: str | None) -> None:
    assert world.connection.next_event(kind, listener or "") is not None
