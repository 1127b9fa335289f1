# SPDX-License-Identifier: Apache-2.0
"""Pseudorandom streams: AES-256 in counter mode under a key derived from a 32-byte seed and a label (HMAC-SHA256)."""

from __future__ import annotations

import hmac
import secrets

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic import ring
from medquorum.verifier.arithmetic.bitplanes import Words
from medquorum.verifier.arithmetic.kernels.library import library
from medquorum.verifier.arithmetic.subsets import SUBSETS, coin_count, subset_sums

__all__ = ["SEED_BYTES", "Stream", "new_seed"]

SEED_BYTES = 32
_BLOCK = bytes(1 << 20)


def new_seed() -> bytes:
    """Draw a seed from the operating system."""
    return secrets.token_bytes(SEED_BYTES)


class Stream:
    """The bytes that a seed gives under a label; equal seeds and labels give equal streams.

    Kernels with VAES make a stream's words where these are used: it is not written down and read again.

    Parameters
    ----------
    seed
        32 secret bytes.
    label
        What the stream is for; different labels give independent streams.
    """

    def __init__(self, seed: bytes, label: bytes) -> None:
        key = hmac.digest(seed, b"medquorum stream v1" + label, "sha256")
        kernels = library()
        self._kernels = kernels if kernels is not None and kernels.has("stream") else None
        self._key = np.frombuffer(key, dtype=np.uint8)
        self._drawn = 0
        if self._kernels is None:
            self._cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def words(self, count: int) -> IntArray:
        """Return the next ``count`` uniform elements of Z_2^64."""
        if self._kernels is not None:
            made = np.empty(count, dtype=np.int64)
            self._kernels.call("stream", self._key, self._advance(count), made, count)
            return made
        result = np.empty(count + 2, dtype=np.int64)
        view = result.view(np.uint8).data
        for start in range(0, 8 * count, len(_BLOCK)):
            size = min(len(_BLOCK), 8 * count - start)
            self._cipher.update_into(memoryview(_BLOCK)[:size], view[start:])
        return result[:count]

    def planes(self, count: int, words: int) -> Words:
        """Return ``count`` uniform bit planes of ``words`` words."""
        return self.words(count * words).view(np.uint64).reshape(count, words)

    def add_to(self, values: IntArray) -> None:
        """Add the next elements to those of a contiguous array, in place."""
        if self._kernels is not None:
            self._kernels.call("stream_add", self._key, self._advance(values.size), values, values.size)
        else:
            values += self.words(values.size).reshape(values.shape)

    def hidden_planes(self, planes: Words) -> Words:
        """Return bit planes (count, words) less the next ones, modulo 2."""
        if self._kernels is None:
            return planes ^ self.planes(*planes.shape)
        result = np.empty_like(planes)
        self._kernels.call("stream_xor", self._key, self._advance(planes.size), planes, result, planes.size)
        return result

    def hidden_bytes(self, values: IntArray, bits: int) -> memoryview:
        """Return what ``ring.pack`` gives of values less the next elements, modulo 2^bits."""
        if self._kernels is None:
            return ring.low_bytes(values - self.words(values.size).reshape(values.shape), bits).data
        flat = np.ascontiguousarray(values, dtype=np.int64)
        result = np.empty(flat.size * ring.byte_width(bits), dtype=np.uint8)
        place = self._advance(flat.size)
        self._kernels.call("stream_less", self._key, place, flat, result, flat.size, ring.byte_width(bits))
        return result.data

    def subset_sums(self, values: IntArray) -> IntArray:
        """Return the sums (64,) of the subsets of values (n,) that the next elements choose."""
        if self._kernels is None or self._drawn % 2:  # the kernel takes whole blocks of the cipher, two elements each
            return subset_sums(values, self.words(coin_count(values.shape[0])))
        sums = np.zeros(SUBSETS, dtype=np.int64)
        place = self._advance(coin_count(values.shape[0]))
        self._kernels.call("stream_subset_sums", self._key, place, values, sums, values.shape[0])
        return sums

    def _advance(self, count: int) -> int:
        """Return the next element's place, and go on behind so many."""
        place = self._drawn
        self._drawn += count
        return place
