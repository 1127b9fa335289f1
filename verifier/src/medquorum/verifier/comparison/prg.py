# SPDX-License-Identifier: Apache-2.0
"""The length-doubling generator of function secret sharing: fixed-key AES-128 in Matyas-Meyer-Oseas form.

H(s, tweak) = AES_k(sigma(s) ^ tweak) ^ sigma(s) with sigma(high, low) = (high ^ low, high), a linear orthomorphism
(Guo, Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers", IEEE S&P 2020). The
key is public and differs between verifications.
"""

from __future__ import annotations

import hashlib

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medquorum.verifier.arithmetic.bitplanes import Words

__all__ = ["FixedKey"]


class FixedKey:
    """H under one public key; not for several threads at once.

    Parameters
    ----------
    context
        Names the verification.
    """

    def __init__(self, context: bytes) -> None:
        self.key = hashlib.sha256(b"medquorum fixed key v1" + context).digest()[:16]
        """Public."""
        self._cipher = Cipher(algorithms.AES128(self.key), modes.ECB()).encryptor()  # noqa: S305 (a fixed permutation)

    def __call__(self, seeds: Words, tweak: Words | np.uint64) -> Words:
        """Hash blocks.

        Parameters
        ----------
        seeds
            Array of uint64 (2, n).
            Low words, then high words.
        tweak
            uint64 or ndarray of uint64 (n,).
            Changes the low word.

        Returns
        -------
        ndarray of uint64 (2, n)
        """
        low, high = seeds
        blocks = np.empty((low.shape[0], 2), dtype=np.uint64)
        np.bitwise_xor(high, tweak, out=blocks[:, 0])
        np.bitwise_xor(high, low, out=blocks[:, 1])
        hashed = np.empty((low.shape[0] + 1, 2), dtype=np.uint64)
        self._cipher.update_into(blocks.view(np.uint8).data, hashed.view(np.uint8).data)
        result = np.empty_like(seeds)
        np.bitwise_xor(hashed[:-1, 0], high, out=result[0])
        np.bitwise_xor(hashed[:-1, 1], blocks[:, 1], out=result[1])
        return result
