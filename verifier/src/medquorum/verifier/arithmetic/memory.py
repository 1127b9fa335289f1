# SPDX-License-Identifier: Apache-2.0
"""Memory that a process keeps: arrays come and go by the megabyte, and fresh pages would cost a fifth of its time."""

from __future__ import annotations

import ctypes
import mmap

__all__ = ["keep_memory"]

_RESERVED = 1 << 30
_HUGE = 2 << 20
_MOST = (1 << 31) - 1
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # glibc's malloc.h


def keep_memory() -> None:
    """Let glibc reuse freed memory instead of giving it back, from one heap that begins on huge pages.

    To be called when a process starts to verify, before its threads. The process then keeps the memory of its largest
    verification. Does nothing where the C library is not glibc.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _MOST), (_TRIM_THRESHOLD, _MOST)):
        libc.mallopt(option, value)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.free.argtypes = [ctypes.c_void_p]
    block = libc.malloc(_RESERVED)  # of addresses only: no page of it is touched
    if block is not None:
        start = -(-block // _HUGE) * _HUGE
        libc.madvise(start, _RESERVED - _HUGE, getattr(mmap, "MADV_HUGEPAGE", 0))
    libc.free(block)
