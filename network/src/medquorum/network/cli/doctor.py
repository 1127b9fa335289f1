# SPDX-License-Identifier: Apache-2.0
"""Looks for what would keep a network from working: each finding is PASSED, or the problem and its remedy."""

from __future__ import annotations

import datetime
import resource
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from cryptography import x509

from medquorum.core.private_files import others_may_write
from medquorum.core.x509 import read_certificate
from medquorum.errors import BinaryMissing, ConfigError, NetworkError
from medquorum.network.consortium.consortium import Consortium, Service, load, sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.deployment.package import metadata
from medquorum.network.fabric import binaries
from medquorum.network.fabric.builder import builder_folder
from medquorum.network.fabric.ca_server import CONFIGURATION
from medquorum.network.supervision.ports import is_local, local_ports, occupants
from medquorum.network.supervision.processes import marked

__all__ = ["Check", "examine"]

EXPIRY_WARNING = datetime.timedelta(days=30)
DISK_NEEDED_GB = 5.0
MEMORY_GB = {"peer": 0.41, "orderer": 0.26, "chaincode": 0.17}  # most seen with 45 MB models
MODEL_CHUNK = 4 << 20
ENVELOPE_ROOM = 1 << 20
OPEN_FILES = 4096


@dataclass(frozen=True)
class Check:
    """One check's outcome."""

    check: str
    passed: bool
    detail: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The outcome as one line of text."""
        if self.passed:
            return f"PASSED  {self.check}: {self.detail}"
        return f"FAILED  {self.check}: {self.detail}. {self.remedy}"

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return asdict(self)


def examine(root: Path) -> list[Check]:
    """Run every check on a network folder, which need not exist yet."""
    folder = NetworkFolder(root)
    consortium, first = _consortium(folder)
    findings = [first]
    host = (_binaries, _ports, _builder, _limits, _clock, _disk, _memory, _open_files)
    for check in (*host, _certificates, _revocations, _modes):
        findings += check(consortium, folder)
    return findings


def _consortium(folder: NetworkFolder) -> tuple[Consortium, Check]:
    if not folder.consortium.exists():
        return sample("quickstart"), Check("consortium", True, "no file yet; checking for the quickstart's")
    try:
        consortium = load(folder.consortium)
    except ConfigError as error:
        return sample("quickstart"), Check("consortium", False, error.cause, error.remedy)
    count = (
        f"{len(consortium.organisations)} organisations, {len(consortium.orderers)} orderers ({consortium.consensus})"
    )
    return consortium, Check("consortium", True, count)


def _binaries(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    if folder.kind.exists() and folder.kind.read_text().strip() == "devnet":
        yield Check("binaries", True, "the devnet needs none")
        return
    try:
        programs = binaries.find()
        versions = {program: programs.version(program) for program in ("peer", "orderer", "configtxgen")}
    except (BinaryMissing, NetworkError) as error:
        yield Check("binaries", False, error.cause, f"{error.remedy}; or use `up --network devnet`")
        return
    text = ", ".join(f"{program} {version}" for program, version in versions.items())
    if len(set(versions.values())) > 1:
        yield Check("binaries", False, f"different versions: {text}", "Take all from one release")
    elif consortium.consensus == "BFT" and versions["peer"].startswith("2."):
        yield Check("binaries", False, f"{text} has no BFT", 'Use Fabric 3, or consensus = "raft"')
    else:
        yield Check("binaries", True, f"{text} in {programs.home}")


def _ports(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    wanted = local_ports(consortium, services=True)
    taken = occupants(wanted, {process.pid for process in marked(folder)})
    for organisation in consortium.organisations:
        if (
            organisation.service
            and organisation.service.port in taken
            and _shows(organisation.service, folder.service_tls(organisation) / "server.crt")
        ):
            del taken[organisation.service.port]
    if taken:
        remedy = "End what listens there, or take other ports (`init --port-base`)"
        named = ", ".join(f"{port} by {process}" for port, process in taken.items())
        yield Check("ports", False, f"in use: {named}", remedy)
    else:
        yield Check("ports", True, f"none of {len(wanted)} is used by others")


def _shows(service: Service, certificate: Path) -> bool:
    """Return whether the organisation's own agent listens there: it shows the service's certificate."""
    try:
        shown = ssl.get_server_certificate((service.host, service.port), timeout=5)
        return ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(certificate.read_text())
    except (OSError, ValueError):
        return False


def _certificates(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    certificates = sorted(folder.organizations.rglob("*.pem")) + sorted(folder.organizations.rglob("*.crt"))
    certificates = [path for path in certificates if path.parent.name != "crls"]
    if not certificates:
        yield Check("certificates", True, "none yet; `up` makes them")
        return
    now = datetime.datetime.now(datetime.UTC)
    ends = {path: read_certificate(path.read_bytes()).not_valid_after_utc for path in certificates}
    soonest = min(ends, key=lambda path: ends[path])
    left = ends[soonest] - now
    where = soonest.relative_to(folder.root)
    remedy = "Renew it: docs/reference/network.md, Certificates"
    if left < EXPIRY_WARNING:
        state = "expired" if left < datetime.timedelta() else f"expires in {left.days} days"
        yield Check("certificates", False, f"{where} {state}", remedy)
    else:
        yield Check("certificates", True, f"{len(certificates)} files, the first expires in {left.days} days")
    loose = [path for path in _keys(folder) if path.stat().st_mode & 0o077]
    if loose:
        named = ", ".join(str(path.relative_to(folder.root)) for path in loose[:3])
        yield Check("private keys", False, f"readable by others: {named}", f"chmod 600 {named}")
    else:
        yield Check("private keys", True, "readable by their owner only")


def _revocations(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    """Look for revocation lists that have run out: nobody but the organisation itself can renew its own."""
    crls = sorted(folder.organizations.glob("*/*/msp/crls/*"))
    now = datetime.datetime.now(datetime.UTC)
    stale = []
    for path in crls:
        try:
            end = x509.load_pem_x509_crl(path.read_bytes()).next_update_utc
        except ValueError:
            end = None
        if end is None or end < now:
            stale.append(str(path.relative_to(folder.root)))
    if stale:
        remedy = "That organisation issues a new one; to shut an organisation out use `hospital remove`, not a list"
        yield Check("revocation lists", False, f"run out or unreadable: {', '.join(stale)}", remedy)
    elif crls:
        yield Check("revocation lists", True, f"{len(crls)}, none has run out")


def _builder(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    home = builder_folder(folder) / "bin"
    if not home.is_dir():
        yield Check("external builder", True, "not installed yet; `up` on real Fabric does it")
        return
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "metadata.json").write_bytes(metadata("doctor_1.0"))
        command = [str(home / "detect"), scratch, scratch]
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
            problem = "" if done.returncode == 0 else done.stderr.decode(errors="replace").strip() or "it refuses"
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
    if problem:  # a peer would say "Unknown chaincodeType: CCAAS", which misleads
        yield Check("external builder", False, f"{home / 'detect'}: {problem}", "Run `medquorum-network up` again")
    else:
        yield Check("external builder", True, f"{home.parent} accepts a ccaas package")


def _limits(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    limit, needed = consortium.channel.absolute_max_bytes, MODEL_CHUNK + ENVELOPE_ROOM
    if limit < needed:
        remedy = f"Set absolute_max_bytes to at least {needed} before the first `up`"
        yield Check(
            "channel limits", False, f"a transaction may have {limit} bytes, a model chunk needs {needed}", remedy
        )
    else:
        interval = consortium.channel.batch_interval_ms
        yield Check("channel limits", True, f"{limit >> 20} MiB per transaction, a block every {interval} ms")


def _clock(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    """See a clock that was set back against what was written before: keys and ledgers."""
    now = datetime.datetime.now(datetime.UTC)
    latest = max((path.stat().st_mtime for path in _written(folder)), default=0.0)
    ahead = latest - now.timestamp()
    if ahead > 1:
        remedy = "Set the clock (chrony, systemd-timesyncd): peers refuse proposals 15 minutes off"
        yield Check("clock", False, f"{ahead:.0f} s behind files written earlier", remedy)
    else:
        yield Check("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC; keep the hosts synchronised")


def _disk(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    place = next(path for path in (folder.root, *folder.root.parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    text = f"{free:.1f} GB free at {place}"
    if free < DISK_NEEDED_GB:
        yield Check("disk", False, text, f"Have {DISK_NEEDED_GB:.0f} GB: a 45 MB model takes 90 MB on every peer")
    else:
        yield Check("disk", True, text)


def _memory(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    peers = sum(1 for organisation in consortium.members if organisation.peer and is_local(organisation.peer.host))
    orderers = sum(1 for organisation in consortium.orderers if is_local(organisation.host))
    needed = peers * (MEMORY_GB["peer"] + MEMORY_GB["chaincode"]) + orderers * MEMORY_GB["orderer"]
    used = sum(process.memory_info().rss for process in marked(folder)) / 1e9
    available = psutil.virtual_memory().available / 1e9 + used
    text = f"{available:.1f} GB available, {needed:.1f} GB needed with 45 MB models"
    yield Check("memory", available >= needed, text, "Take fewer hospitals (`init --hospitals`) or small models")


def _modes(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    """See who may read updates and images, and who may change what runs."""
    private = [
        folder.devnet,
        folder.root / "data",
        *(folder.verification(organisation) for organisation in consortium.having("verifier")),
    ]
    loose = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    if loose:
        named = " ".join(str(path) for path in loose[:3])
        yield Check("private data", False, f"open to others: {named}", f"chmod -R go-rwx {named}")
    else:
        yield Check("private data", True, "open to its owner only")
    deciding = [folder.root, folder.consortium, folder.chaincodes, folder.root / "processes"]
    deciding += (folder.root / "processes").glob("*.json")
    shared = [path for path in deciding if path.exists() and others_may_write(path)]
    if shared:
        named = " ".join(str(path) for path in shared[:3])
        yield Check("what runs", False, f"others may change {named}", f"chmod go-w {named}")
    else:
        yield Check("what runs", True, "its owner alone may change it")


def _open_files(consortium: Consortium, folder: NetworkFolder) -> Iterator[Check]:
    """See how many files a process may open: services and chaincode raise theirs to what the host allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    remedy = f"Allow {OPEN_FILES}: ulimit -Hn, LimitNOFILE= in a unit, or /etc/security/limits.conf"
    yield Check("open files", most >= OPEN_FILES or most == resource.RLIM_INFINITY, f"{most} a process", remedy)


def _keys(folder: NetworkFolder) -> list[Path]:
    return [path for name in ("*_sk", "*.key", "*.id", CONFIGURATION) for path in folder.organizations.rglob(name)]


def _written(folder: NetworkFolder) -> list[Path]:
    return [path for part in (folder.organizations, folder.root / "data") for path in part.glob("*/*")]
