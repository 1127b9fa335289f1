# SPDX-License-Identifier: Apache-2.0
"""The channel's configuration: the policies of the design, BFT and Raft, capabilities."""

from pathlib import Path

import pytest

from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import Consortium, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.configtx import PROFILE, configtx

VERIFIERS = "OutOf(2, 'VerifierAMSP.{0}', 'VerifierBMSP.{0}')"


def profile(consortium: Consortium, tmp_path: Path) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    found: dict[str, dict[str, dict[str, dict[str, str]]]] = configtx(consortium, NetworkFolder(tmp_path))["Profiles"][
        PROFILE
    ]
    return found


def test_nothing_that_governs_falls_to_hospitals_alone(tmp_path: Path) -> None:
    found = profile(sample("quickstart", hospitals=4), tmp_path)
    application = found["Application"]["Policies"]
    hospitals = ", ".join(f"'Hospital{i}MSP.{{0}}'" for i in range(1, 5))
    both = f"AND({VERIFIERS}, OutOf(2, {hospitals}))"
    assert application["LifecycleEndorsement"] == {"Type": "Signature", "Rule": both.format("peer")}
    assert application["Admins"] == {"Type": "Signature", "Rule": both.format("admin")}
    assert application["Endorsement"] == {"Type": "Signature", "Rule": VERIFIERS.format("peer")}
    assert found["Policies"]["Admins"] == {"Type": "ImplicitMeta", "Rule": "ALL Admins"}
    assert found["Orderer"]["Policies"]["Admins"] == {"Type": "ImplicitMeta", "Rule": "MAJORITY Admins"}


def test_a_signature_is_checked_once_and_not_once_for_each_organisation(tmp_path: Path) -> None:
    found = profile(sample("quickstart", hospitals=2), tmp_path)["Application"]["Policies"]
    assert {found[name]["Type"] for name in found} == {"Signature"}
    names = sorted(one.msp_id for one in sample("quickstart", hospitals=2).organisations)
    wanted = {"Readers": ("peer", "client", "admin"), "Writers": ("client", "admin")}
    for name, roles in wanted.items():
        principals = ", ".join(f"'{msp_id}.{role}'" for role in roles for msp_id in names)
        assert found[name]["Rule"] == f"OR({principals})"


def test_policies_do_not_depend_on_the_order_in_the_file() -> None:
    consortium = sample("quickstart", hospitals=4)
    turned = consortium.model_copy(update={"organisations": consortium.organisations[::-1]})
    for rule in (
        policies.endorsement,
        policies.collections,
        lambda one: policies.readers(one.organisations),
        lambda one: policies.writers(one.organisations),
        lambda one: policies.governance(one, "admin"),
        lambda one: policies.governance(one, "peer"),
    ):
        assert rule(turned) == rule(consortium)


@pytest.mark.parametrize(("hospitals", "third"), [(0, 0), (1, 1), (3, 1), (4, 2), (10, 4), (12, 4)])
def test_a_third_is_rounded_up(hospitals: int, third: int) -> None:
    consortium = sample("quickstart", hospitals=hospitals)
    assert policies.third_of_hospitals(consortium) == third
    assert ("AND" in policies.governance(consortium, "peer")) == bool(hospitals)


def test_bft_names_every_consenter(tmp_path: Path) -> None:
    found = profile(sample("quickstart", hospitals=1, batch_interval_ms=50), tmp_path)
    orderer = found["Orderer"]
    assert found["Capabilities"] == {"V3_0": True}
    assert orderer["OrdererType"] == "BFT"
    assert orderer["SmartBFT"]["RequestBatchMaxInterval"] == "50ms"
    assert (orderer["SmartBFT"]["RequestForwardTimeout"], orderer["SmartBFT"]["RequestComplainTimeout"]) == ("2s", "5s")
    assert [entry["ID"] for entry in orderer["ConsenterMapping"]] == [1, 2, 3, 4]
    assert "EtcdRaft" not in orderer


def test_raft_keeps_the_capabilities_of_fabric_2(tmp_path: Path) -> None:
    found = profile(sample("small"), tmp_path)
    assert found["Capabilities"] == {"V2_0": True}
    assert found["Orderer"]["OrdererType"] == "etcdraft"
    assert len(found["Orderer"]["EtcdRaft"]["Consenters"]) == 1
    assert "ConsenterMapping" not in found["Orderer"]


def test_every_peer_is_an_anchor_and_the_dealer_is_a_member(tmp_path: Path) -> None:
    organisations = profile(sample("quickstart", hospitals=1), tmp_path)["Application"]["Organizations"]
    anchors = {one["Name"]: one.get("AnchorPeers") for one in organisations}
    assert anchors["Hospital1"] == [{"Host": "127.0.0.1", "Port": 7181}]
    assert anchors["Dealer"] is None


def test_collections_are_those_of_the_ledger_document() -> None:
    updates, models = policies.collections(sample("quickstart", hospitals=2))
    assert updates["name"] == "updates"
    assert updates["policy"] == "OR('VerifierAMSP.member', 'VerifierBMSP.member')"
    assert models["policy"].count("member") == 4
    for one in (updates, models):
        assert (one["memberOnlyRead"], one["memberOnlyWrite"]) == (True, False)
        assert (one["requiredPeerCount"], one["blockToLive"]) == (0, 0)
        assert one["endorsementPolicy"] == {"signaturePolicy": VERIFIERS.format("peer")}


@pytest.mark.parametrize(("quorum", "pushed"), [(2, 0), (1, 1)])
def test_an_update_is_pushed_only_where_some_verifier_need_not_endorse(quorum: int, pushed: int) -> None:
    consortium = sample("quickstart", hospitals=1).model_copy(update={"quorum": quorum})
    assert policies.collections(consortium)[0]["maxPeerCount"] == pushed
