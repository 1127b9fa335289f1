# SPDX-License-Identifier: Apache-2.0
"""Published defences to compare with: steps d = r - w in (float64 (k, n)), one step out (n,).

None of them runs on a ledger; each docstring names its paper. ``attackers`` is how many a defence is told of.
"""
