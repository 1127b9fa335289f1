# SPDX-License-Identifier: Apache-2.0
"""An auditor's part from Python: look up and check what is on the ledger, without torch.

>>> from medquorum.auditor import Proof, connect
>>> with connect("connection-auditor.json") as auditor:
...     proven = auditor.verify("lungs", 3, Proof(Path("organizations/peerOrganizations")))
...     print(proven.genesis, len(proven.evidence))
"""

from medquorum.clients.auditor.api import AuditorConnection, Proven, connect
from medquorum.clients.ledger.history import RoundSummary
from medquorum.clients.proof.basis import Proof

__all__ = ["AuditorConnection", "Proof", "Proven", "RoundSummary", "connect"]
