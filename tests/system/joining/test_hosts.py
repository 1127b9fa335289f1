# SPDX-License-Identifier: Apache-2.0
"""Ten organisations on ten hosts, each with its own address, name, folder and keys: real Fabric, an encrypted task.

Three hospitals, two verifiers (P0 with the images, P1), a dealer, four orderer organisations; every node on the same
ports, as on hosts of their own. docs/how-to/set-up-a-consortium.md tells the steps.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from medquorum.core.model import catalogue
from medquorum.network.consortium.consortium import Consortium
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.waiting import await_true
from medquorum_testing.federation.federation_task import HIDDEN, JUDGED, deal_digits, encrypted_fields
from medquorum_testing.federation.role_process import RoleProcess
from medquorum_testing.network.namespaces import Hosts, lacking, lan
from medquorum_testing.network.networks import need_fabric
from medquorum_testing.network.own_folders import foreign_keys, found

pytestmark = [pytest.mark.fabric, pytest.mark.slow, pytest.mark.timeout(900)]

TASK = "hosts"
HOSPITALS = ["Hospital1", "Hospital2", "Hospital3"]
EVERYONE = [f"{name}MSP" for name in HOSPITALS]
PEER, LISTENER, SERVICE, OPERATIONS, CHAINCODE, ORDERER, ADMIN = 7051, 7052, 7060, 9443, 9999, 7050, 7053
HEALED = 60
"""Seconds after which two verifiers that were cut from each other go on at the latest."""
ROUND_TIMEOUT = 150
"""Seconds for a round; a view change of the orderers may be in between."""
LEADER = re.compile(r"current leader: (\d+)")


def consortium() -> Consortium:
    """Describe ten hosts that are named like their organisations and use the same ports."""
    peer = {
        "port": PEER,
        "chaincode_listen_port": LISTENER,
        "operations_port": OPERATIONS,
        "chaincode_ports": [CHAINCODE],
    }
    members = {"VerifierA": ["coordinator", "verifier"], "VerifierB": ["verifier", "coordinator"], "Dealer": ["dealer"]}
    members |= {name: ["hospital"] for name in HOSPITALS}
    organisations = []
    for name, roles in members.items():
        host = f"{name.lower()}.test"
        serves = {"service": {"host": host, "port": SERVICE}}
        entry = {"name": name, "msp_id": f"{name}MSP", "domain": host, "roles": roles}
        organisations.append(entry | {"peer": None if roles == ["dealer"] else peer | {"host": host}} | serves)
    orderers = [
        {"name": name, "msp_id": f"{name}MSP", "domain": f"{name.lower()}.test", "host": f"{name.lower()}.test"}
        | {"port": ORDERER, "admin_port": ADMIN, "operations_port": OPERATIONS}
        for name in (f"Orderer{number}" for number in range(1, 5))
    ]
    document = {"name": "hosts", "consensus": "BFT", "quorum": 2, "channel": {"batch_interval_ms": 100}}
    return Consortium.model_validate(document | {"organisations": organisations, "orderers": orderers})


@dataclass
class Ten:
    """The running hosts, and the processes of the roles on them."""

    hosts: Hosts
    consortium: Consortium
    folders: dict[str, NetworkFolder]
    home: Path
    roles: dict[str, RoleProcess] = field(default_factory=dict)

    def host(self, name: str) -> str:
        return f"{name.lower()}.test"

    def network(self, name: str, verb: str, *more: str, codes: tuple[int, ...] = (0,)) -> None:
        """Run ``medquorum-network VERB --org NAME`` on the organisation's own host."""
        command = [
            sys.executable,
            "-m",
            "medquorum.network",
            verb,
            "--dir",
            str(self.folders[name].root),
            "--org",
            name,
            *more,
        ]
        done = self.hosts.run(self.host(name), *command, "--quiet", timeout=150)
        said = f"{name} {verb}: {done.returncode} {done.stdout[-500:]} {done.stderr[-1500:]}"
        assert done.returncode in codes, f"{said}\n{self.complaints(name)}"

    def complaints(self, name: str) -> str:
        """Return the last warnings and errors of the orderers and of an organisation's own node."""
        nodes = {one.name: self.folders[one.name].log(one.node) for one in self.consortium.everyone}
        asked = [*(one.name for one in self.consortium.orderers), name]
        lines = {one: re.findall(r".*(?:WARN|ERRO|PANI).*", nodes[one].read_text(errors="replace")) for one in asked}
        return "\n".join(f"{one}: {line[:300]}" for one in asked for line in lines[one][-5:])

    def profile(self, name: str) -> str:
        return str(self.folders[name].profile(self.consortium.organisation(name)))

    def admin(self, name: str, *arguments: str) -> None:
        place = ("--profile", self.profile(name), "--state-dir", str(self.home / "state" / f"{name}-admin"))
        self.hosts.python(self.host(name), "-m", "medquorum.clients", "admin", *arguments, *place)

    def start(self, role: str, name: str, *more: str) -> RoleProcess:
        process = RoleProcess(name, self.home / f"{role}-{name}.log", self.hosts.command(self.host(name)))
        state = str(self.home / "state" / f"{role}-{name}")
        process.start([role, "run", "--profile", self.profile(name), "--task", TASK, "--state-dir", state, *more])
        self.roles[role if role == "coordinator" else name] = process
        return process

    @property
    def coordinator(self) -> RoleProcess:
        return self.roles["coordinator"]

    def closed(self, seconds: float = ROUND_TIMEOUT) -> dict[str, Any]:
        """Wait for the next round that ends from now on; return its line."""
        return self.coordinator.wait_for("round_closed", since=self.coordinator.mark, seconds=seconds)

    def refused(self) -> list[Any]:
        """Every refusal and abort so far: the task's rule accepts every honest update."""
        ended = [line for line in self.coordinator.events if line["event"] in ("round_closed", "round_aborted")]
        return [line for line in ended if line["refused"] or line["event"] == "round_aborted"]


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ten]:
    need_fabric()
    problem = lacking()
    if problem:
        pytest.skip(problem)
    with ExitStack() as stack:
        described = consortium()
        hosts = stack.enter_context(lan([one.domain for one in described.everyone]))
        home = tmp_path_factory.mktemp("ten")
        made = Ten(hosts, described, found(described, home), home)
        bring_up(made)
        begin(made)
        yield made
        for process in made.roles.values():
            if process.running:
                process.stop()


def bring_up(ten: Ten) -> None:
    """Every organisation starts alone, then approves the chaincode for itself."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda one: ten.network(one.name, "up", "--network", "fabric"), ten.consortium.everyone))
        list(pool.map(lambda name: ten.network(name, "deployCC", codes=(20,)), ("VerifierA", "VerifierB")))
        ten.network("Hospital1", "deployCC")
        list(pool.map(lambda name: ten.network(name, "deployCC"), ("VerifierA", "VerifierB", "Hospital2", "Hospital3")))


def begin(ten: Ten) -> None:
    """Found the consortium, create the task, start every role on its own host."""
    images = deal_digits(ten.home, HOSPITALS)
    verification = ten.folders["VerifierA"].verification(ten.consortium.organisation("VerifierA"))
    images.write(verification / f"{TASK}.safetensors")
    members = {one.msp_id: list(one.roles) for one in ten.consortium.organisations}
    (ten.home / "members.json").write_text(json.dumps({"quorum": 2, "members": members}))
    settings = encrypted_fields(ten.consortium) | {"model_tolerance": 1000}
    settings["model"] = catalogue.mlp((1, 8, 8), 10, hidden=HIDDEN)
    (ten.home / "settings.json").write_text(json.dumps(settings))
    ten.admin("VerifierA", "init-consortium", str(ten.home / "members.json"))
    rule = json.dumps({"name": "slack", "slack": 1000})
    chosen = ["--dataset", images.commitment(), "--dataset-size", str(JUDGED), "--rounds", "1000", "--rule", rule]
    ten.admin("VerifierA", "create-task", "--task", TASK, *chosen, "--settings", str(ten.home / "settings.json"))
    for role, name in (("dealer", "Dealer"), ("verifier", "VerifierA"), ("witness", "VerifierB")):
        ten.start(role, name)
    for name in HOSPITALS:
        ten.start("hospital", name, "--data", str(ten.home / f"{name}.npz"), "--epochs", "20")
    for process in ten.roles.values():
        process.wait_for("started", seconds=90)
    # In the first round every hospital's process is still starting.
    ten.start("coordinator", "VerifierA", "--submission-deadline", "300").wait_for("round_closed", seconds=300)
    ten.coordinator.stop()
    ten.start("coordinator", "VerifierA", "--submission-deadline", "40")


def test_ten_hosts_finish_a_round(ten: Ten) -> None:
    assert ten.closed()["accepted"] == EVERYONE


def test_a_host_holds_its_own_keys_and_its_own_name(ten: Ten) -> None:
    for one in ten.consortium.everyone:
        assert foreign_keys(ten.folders, one.name) == []
    for one in (*ten.consortium.members, *ten.consortium.orderers):
        text = (ten.folders[one.name].node_tls(one) / "server.crt").read_bytes()
        names = x509.load_pem_x509_certificate(text).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert ten.host(one.name) in names.value.get_values_for_type(x509.DNSName)


def test_only_what_others_need_can_be_reached(ten: Ten) -> None:
    hospital, orderer, verifier = (ten.host(name) for name in ("Hospital1", "Orderer2", "VerifierB"))
    assert ten.hosts.reaches(verifier, hospital, PEER)
    assert ten.hosts.reaches(hospital, orderer, ORDERER)
    assert ten.hosts.reaches(hospital, verifier, SERVICE)
    for port in (LISTENER, OPERATIONS, CHAINCODE):
        assert not ten.hosts.reaches(verifier, hospital, port)
    for port in (ADMIN, OPERATIONS):
        assert not ten.hosts.reaches(hospital, orderer, port)
    assert ten.hosts.reaches(hospital, "localhost", CHAINCODE)
    assert ten.hosts.reaches(orderer, "localhost", ADMIN)


def leader(ten: Ten) -> str:
    """Name the orderer organisation that leads, as a follower's log tells it last."""
    log = ten.folders["Orderer4"].log("orderer.orderer4.test").read_text(errors="replace")
    return f"Orderer{LEADER.findall(log)[-1]}"


def test_the_leaders_host_is_lost(ten: Ten) -> None:
    lost = leader(ten)
    with ten.hosts.unplugged(ten.host(lost)):
        assert ten.closed()["accepted"] == EVERYONE
        assert leader(ten) != lost
        assert ten.closed()["accepted"] == EVERYONE
    assert ten.closed()["accepted"] == EVERYONE
    assert ten.refused() == []


def test_the_verifiers_are_cut_from_each_other(ten: Ten) -> None:
    ten.coordinator.wait_for("submissions_closed", since=ten.coordinator.mark, seconds=ROUND_TIMEOUT)
    with ten.hosts.apart(ten.host("VerifierA"), ten.host("VerifierB")):
        before = ten.coordinator.mark
        with pytest.raises(AssertionError, match=r"no .*round_closed"):
            ten.coordinator.wait_for("round_closed", since=before, seconds=20)
    assert ten.closed(HEALED)["accepted"] == EVERYONE
    assert ten.refused() == [], "a cut is no verdict"


def test_a_hospital_is_cut(ten: Ten) -> None:
    with ten.hosts.unplugged(ten.host("Hospital3")):
        closed = ten.coordinator.wait_for(
            "submissions_closed", since=ten.coordinator.mark, seconds=120, missing=["Hospital3MSP"]
        )
        assert closed["candidates"] == EVERYONE[:2]
        closed = ten.closed()
        assert (closed["accepted"], closed["reason"]) == (EVERYONE[:2], "TOO_FEW"), "a sum of two is never opened"
    await_true(lambda: ten.closed()["accepted"] == EVERYONE, 120, "the hospital does not come back")
    assert ten.refused() == []
