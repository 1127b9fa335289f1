# SPDX-License-Identifier: Apache-2.0
"""The channel's ledger: blocks, state, history, and the validation that leads from one to the other."""
