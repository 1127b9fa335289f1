# SPDX-License-Identifier: Apache-2.0
"""How a round's sum comes to the ledger: the aggregate, the dealer's word on its masks, and which sums were opened."""
