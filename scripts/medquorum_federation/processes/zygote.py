# SPDX-License-Identifier: Apache-2.0
"""The process that roles are forked from: ``python -m medquorum_federation.processes.zygote FD [padding]``.

It imports what every role needs, torch too, once; a role forked from it starts in a tenth of a second and shares those
pages. Only a process of one thread without connections can be forked safely, so this one opens nothing but the socket
``FD`` that it takes orders from. An order is a JSON list of arguments with two descriptors, for standard output and
error; it is answered by ``{"pid"}``. Each role's end is told as ``{"pid", "code"}``. The end of the socket ends it, and
its end ends its roles.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from medquorum.clients.cli import main as role_main
from medquorum.errors import MedquorumError, NetworkError

__all__ = ["serve"]

PRELOADED = ("agent", "trainer")
"""What a hospital's command imports late, of its own folder: with it comes what they import, torch.optim and grpc."""
LONGEST_ORDER = 1 << 16
"""Bytes of an order at most."""
PR_SET_PDEATHSIG = 1
ARG_START, ARG_END = 47, 48
"""Which fields of /proc/self/stat say where the command line lies, counted from 0."""


def serve(orders: socket.socket) -> list[str] | None:
    """Fork roles until the socket ends; return None then, and in each forked role its arguments."""
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored writes no byte
    while True:
        readable, _, _ = select.select([orders.fileno(), wakeup], [], [])
        if wakeup in readable:
            os.read(wakeup, 4096)
            _report_ended(orders)
        if orders.fileno() in readable:
            text, descriptors, _, _ = socket.recv_fds(orders, LONGEST_ORDER, 2)
            if not text:
                return None
            arguments = [str(argument) for argument in json.loads(text)]
            pid = _forked(descriptors, (orders.fileno(), wakeup, woken))
            if pid == 0:
                return arguments
            _send(orders, {"pid": pid})


def _forked(descriptors: list[int], not_the_roles: tuple[int, ...]) -> int:
    """Fork a role that leads a session of its own; return its process id, and 0 in the role."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NetworkError(f"a process of {threads} threads cannot be forked", "Use --no-fork, and report this")
    zygote, (ready, begun) = os.getpid(), os.pipe()
    pid = os.fork()
    if pid:
        for descriptor in (*descriptors, begun):
            os.close(descriptor)
        os.read(ready, 1)  # ends when the role leads its session and can be signalled, or is gone
        os.close(ready)
        return pid
    signal.set_wakeup_fd(-1)
    for number, handler in (
        (signal.SIGCHLD, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGINT, signal.default_int_handler),
    ):
        signal.signal(number, handler)
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != zygote:
        os._exit(1)
    for target, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, target)
    for descriptor in (*descriptors, *not_the_roles, ready, begun):
        os.close(descriptor)
    return 0


def _report_ended(orders: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(orders, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _send(orders: socket.socket, answer: dict[str, int]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more: the loop sees that next
        orders.send(json.dumps(answer).encode())


def _run(arguments: list[str]) -> None:
    """Be the role: its command line as others see it, its own random numbers, its command."""
    _set_title([sys.executable, "-m", "medquorum.clients", *arguments])
    np.random.seed()
    torch.seed()
    sys.argv = ["medquorum", *arguments]
    code: object = 0
    try:
        role_main()
    except SystemExit as end:
        code = end.code
    if code is None or isinstance(code, int):
        sys.stdout.flush()
        sys.stderr.flush()
        # To take the interpreter down would free, and so copy, every page that is shared: a third of a second each.
        os._exit(code or 0)
    sys.exit(str(code))


def _set_title(command: list[str]) -> None:
    """Show a command as this process' own in /proc; what is longer than the room that it was started with is cut."""
    # The name in parentheses may hold spaces: it is the second field.
    fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    start, end = int(fields[ARG_START - 2]), int(fields[ARG_END - 2])
    text = b"\0".join(map(os.fsencode, command))[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def main() -> None:
    """Serve, or be what was forked."""
    for name in PRELOADED:
        importlib.import_module(f"medquorum.clients.hospital.{name}")
    orders = socket.socket(fileno=int(sys.argv[1]))
    _set_title([sys.executable, "-m", "medquorum_federation.processes.zygote"])
    gc.collect()
    gc.freeze()  # or a role's first collection writes to every page
    try:
        arguments = serve(orders)
    except MedquorumError as error:
        sys.exit(f"error: {error}")
    if arguments is None:
        orders.close()
    else:
        orders.detach()
        _run(arguments)


if __name__ == "__main__":
    main()
