# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON, the form of all that crosses between organisations."""

from medquorum.core import canonical

SEEDS = [b'{"a":[1,-2,true,null,"text"],"b":{"c":{"d":[]}}}', b"[[[[]]]]", b'"\\u00e9"', b"9223372036854775807"]


def run(data: bytes) -> None:
    document = canonical.decode(data)
    if canonical.decode(canonical.encode(document)) != document:
        raise AssertionError("what was read cannot be written")
