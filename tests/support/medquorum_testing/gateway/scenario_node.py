# SPDX-License-Identifier: Apache-2.0
"""The official Node gateway client under the conformance scenarios (tests/system/conformance/node/gateway)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from medquorum_testing.gateway.scenario import (
    CHAINCODE,
    CHANNEL,
    BlockKind,
    Identity,
    Organisation,
    Outcome,
    Prepared,
    ScenarioError,
    Unsigned,
)
from medquorum_testing.places import TESTS

SOURCE = TESTS / "system" / "conformance" / "node" / "gateway"
ANSWER_SECONDS = 70
STREAM_SECONDS = 30


def node_modules(source: Path = SOURCE) -> Path:
    """Install the pinned packages once, outside the tree, and return their folder."""
    lock = (source / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medquorum" / "node"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True
        )
        (folder / "installed").touch()
    return folder / "node_modules"


class NodeRunner:
    """One node process, answering requests in any order."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(SOURCE / "client.js")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"NODE_PATH": str(node_modules())},
            text=True,
        )
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._last = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, op: str, seconds: float = ANSWER_SECONDS, **values: Any) -> Any:
        future: Future[Any] = Future()
        assert self._process.stdin is not None
        with self._lock:
            self._last += 1
            self._waiting[self._last] = future
            self._process.stdin.write(json.dumps({"id": self._last, "op": op} | values) + "\n")
            self._process.stdin.flush()
        return future.result(seconds)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply = json.loads(line)
            future = self._waiting.pop(reply["id"])
            if "error" in reply:
                future.set_exception(ScenarioError(**reply["error"]))
            else:
                future.set_result(reply["result"])
        for future in self._waiting.values():
            future.set_exception(ScenarioError("client", "ENDED", [], "the node process has ended"))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


class NodeStream:
    def __init__(self, runner: NodeRunner, handle: int) -> None:
        self._runner = runner
        self._handle = handle

    def next(self) -> dict[str, Any]:
        return dict(self._runner.ask("next", STREAM_SECONDS, handle=self._handle))

    def close(self) -> None:
        self._runner.ask("close", handle=self._handle)


class NodeClient:
    def __init__(
        self, runner: NodeRunner, organisation: Organisation, identity: Identity, *, signs: bool = True
    ) -> None:
        self._runner = runner
        self._connection = runner.ask(
            "connect",
            endpoint=organisation.endpoint,
            server_name=organisation.server_name,
            roots=_text(organisation.roots),
            tls_certificate=_text(organisation.tls.certificate),
            tls_key=_text(organisation.tls.key),
            tls_hash=_text(organisation.tls.hash),
            msp_id=identity.msp_id,
            certificate=_text(identity.certificate),
            key=_text(identity.key) if signs else None,
        )

    def ask(self, op: str, **values: Any) -> Any:
        return self._runner.ask(op, connection=self._connection, **values)

    def call(
        self,
        op: str,
        name: str,
        arguments: Sequence[str],
        transient: Mapping[str, str] | None = None,
        organisations: Sequence[Organisation] = (),
        chaincode: str = CHAINCODE,
        channel: str = CHANNEL,
    ) -> Any:
        return self.ask(
            op,
            name=name,
            arguments=arguments,
            transient=transient,
            organisations=[one.msp_id for one in organisations],
            chaincode=chaincode,
            channel=channel,
        )

    def evaluate(self, name: str, *arguments: str, **options: Any) -> str:
        return base64.b64decode(self.call("evaluate", name, arguments, **options)).decode()

    def submit(self, name: str, *arguments: str, **options: Any) -> str:
        return base64.b64decode(self.call("submit", name, arguments, **options)).decode()

    def endorse(self, name: str, *arguments: str, **options: Any) -> Prepared:
        answer = self.call("endorse", name, arguments, **options)
        return Prepared(answer["handle"], answer["transaction_id"], base64.b64decode(answer["result"]).decode())

    def send(self, prepared: Prepared) -> None:
        self.ask("send", handle=prepared.handle)

    def status(self, prepared: Prepared) -> Outcome:
        return Outcome(**self.ask("status", handle=prepared.handle))

    def propose(self, name: str, *arguments: str) -> Unsigned:
        return _unsigned(self.call("propose", name, arguments))

    def evaluate_signed(self, content: bytes, signature: bytes) -> str:
        return base64.b64decode(self._signed("evaluate_signed", content, signature)).decode()

    def endorse_signed(self, content: bytes, signature: bytes) -> Unsigned:
        return _unsigned(self._signed("endorse_signed", content, signature))

    def submit_signed(self, content: bytes, signature: bytes) -> Unsigned:
        return _unsigned(self._signed("submit_signed", content, signature))

    def status_signed(self, content: bytes, signature: bytes) -> Outcome:
        return Outcome(**self._signed("status_signed", content, signature))

    def _signed(self, op: str, content: bytes, signature: bytes) -> Any:
        return self.ask(op, bytes=_text(content), signature=_text(signature))

    def events(self, start: int | None = None, checkpoint: tuple[int, str | None] | None = None) -> NodeStream:
        values = {"channel": CHANNEL, "chaincode": CHAINCODE, "start": start, "checkpoint": checkpoint}
        return NodeStream(self._runner, self.ask("events", **values))

    def blocks(
        self, kind: BlockKind, start: int | None = None, checkpoint: tuple[int, str | None] | None = None
    ) -> NodeStream:
        values = {"channel": CHANNEL, "kind": kind, "start": start, "checkpoint": checkpoint}
        return NodeStream(self._runner, self.ask("blocks", **values))

    def close(self) -> None:
        self.ask("disconnect")


def _unsigned(answer: Mapping[str, str]) -> Unsigned:
    return Unsigned(base64.b64decode(answer["bytes"]), base64.b64decode(answer["digest"]))
