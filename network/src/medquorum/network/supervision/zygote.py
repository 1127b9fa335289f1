# SPDX-License-Identifier: Apache-2.0
"""The process that others are forked from: ``python -m medquorum.network.supervision.zygote FD MODULES [padding]``.

It imports the modules once, named with commas between; what is forked from it starts in a tenth of a second and shares
those pages. Only a process of one thread without connections can be forked safely, so this one opens nothing but the
socket ``FD`` that it takes orders from. An order is a JSON object of ``Zygote.fork`` with two descriptors, for standard
output and error; it is answered by ``{"pid"}``. Each forked process' end is told as ``{"pid", "code"}``. The end of the
socket ends it, and its end ends what was forked.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from medquorum.errors import MedquorumError, NetworkError

__all__ = ["serve"]

LONGEST_ORDER = 1 << 16
"""Bytes of an order at most."""
PR_SET_PDEATHSIG = 1
ARG_START, ARG_END = 47, 48
"""Which fields of /proc/self/stat say where the command line lies, counted from 0."""
Order = dict[str, Any]


def serve(orders: socket.socket) -> Order | None:
    """Fork until the socket ends; return None then, and in each forked process its order."""
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
            pid = _forked(descriptors, (orders.fileno(), wakeup, woken))
            if pid == 0:
                order: Order = json.loads(text)
                return order
            _send(orders, {"pid": pid})


def _forked(descriptors: list[int], not_its_own: tuple[int, ...]) -> int:
    """Fork a process that leads a session of its own; return its id, and 0 in it."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NetworkError(f"a process of {threads} threads cannot be forked", "Use --no-fork, and report this")
    zygote, (ready, begun) = os.getpid(), os.pipe()
    pid = os.fork()
    if pid:
        for descriptor in (*descriptors, begun):
            os.close(descriptor)
        os.read(ready, 1)  # ends when it leads its session and can be signalled, or is gone
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
    for descriptor in (*descriptors, *not_its_own, ready, begun):
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


class _Leave:
    """What a forked process does last: it leaves its memory to the system.

    To take the interpreter down would free, and so copy, every page that is shared: a third of a second each.
    """

    code: int | None = None
    """The exit code; None in the zygote."""

    def __call__(self) -> None:
        if self.code is not None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os._exit(self.code)


def _run(order: Order, leave: _Leave) -> None:
    """Be what was ordered: its command line as others see it, its environment, its own random numbers, its module."""
    _set_title(order["title"])
    os.environ.update(order["env"])
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
    sys.argv = ["", *order["arguments"]]
    leave.code = 1
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        leave.code = 0
    except SystemExit as end:
        leave.code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def _set_title(command: list[str]) -> None:
    """Show a command as this process' own in /proc; what is longer than the room that it was started with is cut."""
    # The name in parentheses may hold spaces: it is the second field.
    fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
    start, end = int(fields[ARG_START - 2]), int(fields[ARG_END - 2])
    text = b"\0".join(map(os.fsencode, command))[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def main() -> None:
    """Serve, or be what was forked."""
    leave = _Leave()
    atexit.register(leave)  # before what is imported registers: it is called last
    number, modules = sys.argv[1:3]
    for name in modules.split(","):
        importlib.import_module(name)
    orders = socket.socket(fileno=int(number))
    _set_title([sys.executable, "-m", "medquorum.network.supervision.zygote", modules])
    gc.collect()
    gc.freeze()  # or a forked process' first collection writes to every page
    try:
        order = serve(orders)
    except MedquorumError as error:
        sys.exit(f"error: {error}")
    if order is None:
        orders.close()
    else:
        orders.detach()
        _run(order, leave)


if __name__ == "__main__":
    main()
