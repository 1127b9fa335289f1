# SPDX-License-Identifier: Apache-2.0
"""The ways to bend a chain that an audit has to find, each with the words by which the audit names it.

Each takes a copy of a true chain whose ``target`` transaction wrote a verdict. Where a bend is not ``raw`` the forger
then makes all hashes and the orderers' signatures fit again, so that what is found is the bend itself.
"""

from medquorum_testing.chain.bends.authors import AUTHORS
from medquorum_testing.chain.bends.bend import Bend, Chain
from medquorum_testing.chain.bends.documents import DOCUMENTS
from medquorum_testing.chain.bends.endorsements import ENDORSEMENTS
from medquorum_testing.chain.bends.entries import ENTRIES
from medquorum_testing.chain.bends.headers import HEADERS
from medquorum_testing.chain.bends.orderers import ORDERERS

__all__ = ["BENDS", "Bend", "Chain"]

BENDS = [*HEADERS, *ORDERERS, *ENTRIES, *AUTHORS, *ENDORSEMENTS, *DOCUMENTS]
