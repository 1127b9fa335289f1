# SPDX-License-Identifier: Apache-2.0
"""The consortium file: samples, defaults, round trip, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import SAMPLES, Consortium, load, sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.chaincodes import chaincode_process, request

SMALL = """
name = "test"
consensus = "raft"
quorum = 1
{top}
[[organisations]]
name = "VerifierA"
roles = ["verifier", "coordinator"]
{verifier}
[[organisations]]
name = "Hospital"
count = 2
roles = ["hospital"]
[[orderers]]
name = "Orderer"
count = 1
{rest}
"""


def read(tmp_path: Path, top: str = "", verifier: str = "", rest: str = "") -> Consortium:
    path = tmp_path / "consortium.toml"
    path.write_text(SMALL.format(top=top, verifier=verifier, rest=rest))
    return load(path)


def test_the_quickstart_is_the_designed_one() -> None:
    consortium = sample("quickstart")
    assert [o.name for o in consortium.organisations[:3]] == ["VerifierA", "VerifierB", "Dealer"]
    assert [o.msp_id for o in consortium.having("hospital")] == [f"Hospital{i}MSP" for i in range(1, 11)]
    assert len(consortium.orderers) == 4
    assert (consortium.consensus, consortium.quorum, consortium.channel.name) == ("BFT", 2, "mychannel")
    assert len(consortium.members) == 12
    assert consortium.organisation("hospital10").domain == "hospital10.example.com"


@pytest.mark.parametrize("name", SAMPLES)
def test_who_coordinates_in_a_sample_is_nothing_else(name: str) -> None:
    """Neither a party, which sees shares, nor a hospital, which may be an aggregation node."""
    assert [(one.name, one.roles) for one in sample(name).having("coordinator")] == [
        ("Coordinator", ["coordinator"]),
        ("Standby", ["coordinator"]),
    ]


def test_a_compact_file_gets_every_default(tmp_path: Path) -> None:
    consortium = read(tmp_path, top="port_base = 9000")
    hospital = consortium.organisation("Hospital2")
    assert hospital.peer is not None
    assert hospital.peer.address == "127.0.0.1:9121"
    assert hospital.peer.chaincode_address == "127.0.0.1:9125"
    assert consortium.orderers[0].admin_address == "127.0.0.1:9003"
    assert hospital.node == "peer0.hospital2.example.com"


def test_an_explicit_address_wins(tmp_path: Path) -> None:
    consortium = read(tmp_path, verifier='domain = "a.org"\npeer = { host = "peer.a.org", port = 7051 }')
    peer = consortium.organisation("VerifierA").peer
    assert peer is not None
    assert (peer.address, peer.operations_port) == ("peer.a.org:7051", 7154)


@settings(max_examples=30)
@given(
    st.sampled_from(["quickstart", "small"]),
    st.integers(0, 12),
    st.integers(1024, 60_000),
    st.sampled_from(["BFT", "raft"]),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, hospitals: int, port_base: int, consensus: str
) -> None:
    consortium = sample(name, hospitals=hospitals, port_base=port_base, consensus=consensus, batch_interval_ms=50)
    path = tmp_path_factory.mktemp("consortium") / "consortium.toml"
    write(consortium, path)
    assert load(path) == consortium
    assert len(consortium.having("hospital")) == hospitals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top": "qourum = 2"}, "qourum: Extra inputs"),
        ({"verifier": "prot = 1"}, r"organisations\[1\].prot"),
        ({"verifier": "peer = { port = 70000 }"}, r"organisations\[1\].peer.port: .*65535"),
        ({"verifier": 'peer = { port = "7051" }'}, r"organisations\[1\].peer.port: .*integer"),
        ({"verifier": "peer = false"}, "VerifierA is a verifier or hospital and needs a peer"),
        ({"verifier": 'msp_id = "Hospital1MSP"'}, "msp_id used twice: Hospital1MSP"),
        ({"verifier": "peer = { port = 7161 }"}, "port used twice: 127.0.0.1:7161"),
        ({"rest": "[channel]\nname = 'My Channel'"}, "channel.name"),
        ({"rest": "[channel]\nbatch_interval_ms = 0"}, "channel.batch_interval_ms"),
        ({"rest": "[channel]\npreferred_max_bytes = 20971520"}, "preferred_max_bytes is above"),
        ({"rest": "[[organisations]]\nname='X'\nroles=['doctor']"}, r"organisations\[4\].roles\[1\]"),
        ({"rest": "[[organisations]]\nname='X'\nroles=['hospital'\n"}, "not TOML.*line"),
        ({"top": "port_base = 'high'"}, "port_base"),
        ({"verifier": "service = { port = 7161 }"}, "port used twice: 127.0.0.1:7161"),
        ({"verifier": "service = { port = [1] }"}, r"organisations\[1\].service.port"),
        ({"verifier": "service = false"}, r"organisations\[1\].service"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        read(tmp_path, **changes)
    assert raised.value.remedy


def test_bft_needs_four_orderers_and_the_override_gives_them(tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    path.write_text(SMALL.format(top="", verifier="", rest="").replace("raft", "BFT"))
    with pytest.raises(ConfigError, match="at least 4 orderers"):
        load(path)
    assert len(sample("small", consensus="BFT").orderers) == 4
    assert len(sample("small", consensus="BFT", orderers=7).orderers) == 7


def test_a_quorum_above_the_verifiers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    path.write_text(SMALL.format(top="", verifier="", rest="").replace("quorum = 1", "quorum = 2"))
    with pytest.raises(ConfigError, match="quorum 2 is above"):
        load(path)


def test_one_of_three_verifiers_is_no_quorum(tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    write(sample("small").model_copy(update={"quorum": 1}), path)
    with pytest.raises(ConfigError, match="one of 3 verifiers would decide alone"):
        load(path)


def test_the_founding_hash_is_of_quorum_and_roles_and_not_of_hospitals_that_join() -> None:
    small = sample("small")
    assert sample("small", hospitals=5).founding_hash == small.founding_hash
    assert small.model_copy(update={"quorum": 3}).founding_hash != small.founding_hash
    crowned = [
        one.model_copy(update={"roles": ["hospital", "coordinator"]}) if one.name == "Hospital1" else one
        for one in small.organisations
    ]
    assert small.model_copy(update={"organisations": crowned}).founding_hash != small.founding_hash


def test_every_chaincode_process_is_told_the_founding_hash(tmp_path: Path) -> None:
    small, folder = sample("small"), NetworkFolder(tmp_path)
    wanted = request(small, command=["true"])
    found = {chaincode_process(wanted, one, small, folder)[0].env["MEDQUORUM_CONSORTIUM_HASH"] for one in small.members}
    assert found == {small.founding_hash}


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="medquorum-network init"):
        load(tmp_path / "nowhere.toml")


def test_another_channel_name_is_checked() -> None:
    assert sample("small").on_channel("second").channel.name == "second"
    with pytest.raises(ConfigError, match="no channel name"):
        sample("small").on_channel("Second!")


def services(consortium: Consortium) -> dict[str, str]:
    return {one.name: one.service.address for one in consortium.organisations if one.service}


def test_verifiers_dealers_and_hospitals_have_a_service(tmp_path: Path) -> None:
    consortium = sample("quickstart", port_base=9000, hospitals=2)
    assert services(consortium) == {
        "VerifierA": "127.0.0.1:9103",
        "VerifierB": "127.0.0.1:9113",
        "Dealer": "127.0.0.1:9123",
        "Hospital1": "127.0.0.1:9133",
        "Hospital2": "127.0.0.1:9143",
    }


def test_an_explicit_file_of_before_gets_free_service_ports(tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    write(sample("quickstart", port_base=9000), path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("service = ")]
    path.write_text("\n".join(lines))
    assert services(load(path)) == services(sample("quickstart", port_base=9000))
    path.write_text("\n".join(lines).replace("operations_port = 9104", "operations_port = 9103"))
    assert services(load(path))["VerifierA"] == "127.0.0.1:9104"


def test_a_service_may_be_elsewhere(tmp_path: Path) -> None:
    given = 'peer = { host = "a.org", port = 7051 }\nservice = { host = "shares.a.org" }'
    assert services(read(tmp_path, verifier=given))["VerifierA"] == "shares.a.org:7055"
    assert services(read(tmp_path, verifier="peer = { host = 'a.org' }"))["VerifierA"] == "a.org:7153"
