# SPDX-License-Identifier: Apache-2.0
"""What every part shares: the ledger's documents, the model format, exact inference, the rules."""
