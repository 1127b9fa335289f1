# SPDX-License-Identifier: Apache-2.0
"""Where the repository's files lie, for tests that read them."""

from pathlib import Path

__all__ = ["CHAINCODES", "REPOSITORY", "TESTS"]

REPOSITORY = Path(__file__).parents[3]
TESTS = REPOSITORY / "tests"
CHAINCODES = Path(__file__).with_name("chaincode")
"""Chaincodes that tests start by their files."""
