# SPDX-License-Identifier: Apache-2.0
"""One update's verification as a party does it, from the ledger to what it attests."""
