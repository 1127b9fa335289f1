# SPDX-License-Identifier: Apache-2.0
"""Streams are AES-256 in counter mode on every path, whatever is drawn of them and in whatever pieces."""

import hmac

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.verifier.arithmetic.kernels.library import PURE
from medquorum.verifier.randomness.stream import Stream
from medquorum_testing.encrypted.kernel_paths import COMPILED, use

SEED, LABEL = bytes(range(32)), b"a label"
PIECES = st.lists(
    st.tuples(st.sampled_from(["words", "add", "planes", "bytes"]), st.integers(0, 150), st.integers(1, 64)),
    max_size=6,
)


def expected(count):
    key = hmac.digest(SEED, b"medquorum stream v1" + LABEL, "sha256")
    drawn = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor().update(bytes(8 * count))
    return np.frombuffer(drawn, dtype=np.int64)


def drawn(stream, kind, values, bits):
    """Draw as many as there are values; return the bytes."""
    match kind:
        case "words":
            return stream.words(values.size).tobytes()
        case "add":
            total = values.copy()
            stream.add_to(total)
            return total.tobytes()
        case "planes":
            return stream.hidden_planes(values.view(np.uint64).reshape(1, -1)).tobytes()
    return bytes(stream.hidden_bytes(values, bits))


def wanted(kind, values, own, bits):
    match kind:
        case "words":
            return own.tobytes()
        case "add":
            return (values + own).tobytes()
        case "planes":
            return (values ^ own).tobytes()
    width = (bits + 7) // 8
    return b"".join(
        ((int(v) - int(o)) % (1 << 64)).to_bytes(8, "little")[:width] for v, o in zip(values, own, strict=True)
    )


@pytest.mark.parametrize("path", [*COMPILED, PURE])
@given(pieces=PIECES, seed=st.integers(0, 1 << 30))
@settings(max_examples=60)
def test_all_that_is_drawn_is_the_ciphers(path, pieces, seed):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, path)
        stream, values = Stream(SEED, LABEL), np.random.default_rng(seed).integers(-(1 << 63), 1 << 63, 150)
        whole, place = expected(1000), 0
        for kind, count, bits in pieces:
            own = whole[place : place + count]
            place += count
            assert drawn(stream, kind, values[:count], bits) == wanted(kind, values[:count], own, bits)


@pytest.mark.parametrize("path", [*COMPILED, PURE])
def test_long_streams_go_on_where_they_were(monkeypatch, path):
    use(monkeypatch, path)
    stream, whole = Stream(SEED, LABEL), expected(300_001)
    found = np.concatenate([stream.words(count) for count in (1, 131_072, 63, 168_865)])
    assert (found == whole).all()
