# SPDX-License-Identifier: Apache-2.0
"""The whole devnet in one process: every organisation's peer, one ordering service, one ledger."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from medquorum.network.consortium.consortium import Organisation, load
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.devnet.folder import DownList, lock
from medquorum.network.devnet.gateway.events import BlockEvents
from medquorum.network.devnet.gateway.gateway import Gateway
from medquorum.network.devnet.gateway.registry import Registry
from medquorum.network.devnet.gateway.service import GatewayService
from medquorum.network.devnet.ledger.ledger import Ledger, Members
from medquorum.network.devnet.ledger.progress import Progress
from medquorum.network.devnet.orderer.genesis import genesis_envelope
from medquorum.network.devnet.orderer.orderer import Orderer
from medquorum.network.devnet.peer.deliver_service import DeliverService
from medquorum.network.devnet.peer.endorser import Endorser
from medquorum.network.devnet.peer.operations import Operations
from medquorum.network.devnet.peer_server import GRACE_SECONDS, PeerServer
from medquorum.network.devnet.policy.definition import Definitions
from medquorum.network.identity.msp import Msp, Msps, Signer

__all__ = ["Devnet"]

READERS = 16
RECONCILE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Devnet:
    """Reads a network folder and runs it; made and used within one event loop."""

    def __init__(self, root: Path) -> None:
        self._folder = NetworkFolder(root)
        self._consortium = load(self._folder.consortium)
        self._lock = lock(self._folder.devnet)
        self._down = DownList(self._folder.devnet / "down.json")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="committer")
        self._reconciling: dict[str, asyncio.Task[None]] = {}
        self.ledger = self._open()
        self._client_roots = b"\n".join(root for msp in self._application() for root in msp.tls_roots)
        self._progress = Progress(self.ledger)
        channel = self._consortium.channel
        self._bft = self._consortium.consensus == "BFT"
        self._orderer = Orderer(self.ledger, channel, self._committer, self._progress.committed, bft=self._bft)
        self._events = BlockEvents(self.ledger)
        self._endorsers = {
            organisation.msp_id: self._endorser(organisation) for organisation in self._consortium.members
        }
        self._servers = [self._server(organisation) for organisation in self._consortium.members]
        self._operations = [self._operation(server) for server in self._servers]

    async def start(self) -> None:
        """Take everything up.

        Raises
        ------
        NetworkError
            When an address is taken.
        """
        self._orderer.start()
        for server in self._servers:
            if server.msp_id not in self.ledger.members.down:
                await server.start()
        for operations in self._operations:
            await operations.start()
        log.info("devnet is up", channel=self.ledger.channel_id, peers=len(self._servers), height=self.ledger.height)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until told to stop; an error of the ordering service ends it too and is raised."""
        ends = [asyncio.create_task(stopping.wait()), asyncio.create_task(self._orderer.wait())]
        done, rest = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Take everything down; accepted transactions are committed first."""
        for operations in self._operations:
            await operations.stop()
        for task in self._reconciling.values():
            task.cancel()
        await asyncio.gather(*(server.stop(GRACE_SECONDS) for server in self._servers))
        await self._orderer.stop()
        self._committer.shutdown()
        self._readers.shutdown()
        self.ledger.close()
        self._lock.close()
        log.info("devnet is down", height=self.ledger.height)

    async def switch(self, server: PeerServer, up: bool) -> None:
        """Take one organisation's peer down or up."""
        if up:
            self.ledger.members.down.discard(server.msp_id)
            self._down.write(self.ledger.members.down)
            await server.start()
            self._reconciling[server.msp_id] = asyncio.create_task(self._reconcile(server.msp_id))
            return
        self.ledger.members.down.add(server.msp_id)
        self._down.write(self.ledger.members.down)
        if (task := self._reconciling.pop(server.msp_id, None)) is not None:
            task.cancel()
        await server.stop()

    async def _reconcile(self, msp_id: str) -> None:
        """Fetch missed private data some time after a peer is back, as its reconciler would."""
        await asyncio.sleep(RECONCILE_SECONDS)
        await asyncio.get_running_loop().run_in_executor(self._committer, self.ledger.reconcile, msp_id)

    def _open(self) -> Ledger:
        consortium, folder = self._consortium, self._folder
        application = self._application()
        ordering = [Msp.load(organisation.msp_id, folder.msp(organisation)) for organisation in consortium.orderers]
        msps = Msps([*application, *ordering])
        peers = {
            organisation.msp_id: msps.identity(self._signer(organisation).serialized)
            for organisation in consortium.members
        }
        orderers = [
            Signer.load(organisation.msp_id, folder.node(organisation) / "msp") for organisation in consortium.orderers
        ]
        bft = consortium.consensus == "BFT"
        ledger = Ledger(
            folder.devnet,
            consortium.channel.name,
            msps,
            Members(frozenset(msp.msp_id for msp in application), peers, self._down.read()),
            Definitions(folder.devnet_chaincodes),
            orderers,
            bft=bft,
        )
        ledger.genesis(genesis_envelope(consortium.channel.name, application, ordering, orderers if bft else ()))
        return ledger

    def _application(self) -> list[Msp]:
        return [
            Msp.load(organisation.msp_id, self._folder.msp(organisation))
            for organisation in self._consortium.organisations
        ]

    def _signer(self, organisation: Organisation) -> Signer:
        return Signer.load(organisation.msp_id, self._folder.node(organisation) / "msp")

    def _endorser(self, organisation: Organisation) -> Endorser:
        address = organisation.peer.address if organisation.peer else ""
        endorser = Endorser(self.ledger, self._signer(organisation), address, self._folder.root, self._readers)
        endorser.up = organisation.msp_id not in self.ledger.members.down
        return endorser

    def _server(self, organisation: Organisation) -> PeerServer:
        endorser = self._endorsers[organisation.msp_id]
        registry = Registry(self.ledger, endorser, self._endorsers)
        gateway = GatewayService(
            Gateway(self.ledger, registry),
            self.ledger,
            self._orderer,
            self._progress,
            self._events,
            self._consortium.orderers,
            bft=self._bft,
        )
        return PeerServer(
            organisation,
            self._folder.node_tls(organisation),
            self._client_roots,
            endorser,
            gateway,
            DeliverService(self.ledger, self._progress, organisation.msp_id),
        )

    def _operation(self, server: PeerServer) -> Operations:
        return Operations(server.operations, server.tls, lambda: server.up, partial(self.switch, server))
