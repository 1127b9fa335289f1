# SPDX-License-Identifier: Apache-2.0
"""Pseudorandom streams: AES-256 in counter mode under a key derived from a 32-byte seed and a label (HMAC-SHA256)."""

from __future__ import annotations

import hmac
import secrets

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.arithmetic.bitplanes import Words

__all__ = ["SEED_BYTES", "Stream", "new_seed"]

SEED_BYTES = 32
_BLOCK = bytes(1 << 20)


def new_seed() -> bytes:
    """Draw a seed from the operating system."""
    return secrets.token_bytes(SEED_BYTES)


class Stream:
    """The bytes that a seed gives under a label; equal seeds and labels give equal streams.

    Parameters
    ----------
    seed
        32 secret bytes.
    label
        What the stream is for; different labels give independent streams.
    """

    def __init__(self, seed: bytes, label: bytes) -> None:
        key = hmac.digest(seed, b"medquorum stream v1" + label, "sha256")
        self._cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def words(self, count: int) -> IntArray:
        """Return the next ``count`` uniform elements of Z_2^64."""
        result = np.empty(count + 2, dtype=np.int64)
        view = result.view(np.uint8).data
        for start in range(0, 8 * count, len(_BLOCK)):
            size = min(len(_BLOCK), 8 * count - start)
            self._cipher.update_into(memoryview(_BLOCK)[:size], view[start:])
        return result[:count]

    def planes(self, count: int, words: int) -> Words:
        """Return ``count`` uniform bit planes of ``words`` words."""
        return self.words(count * words).view(np.uint64).reshape(count, words)
