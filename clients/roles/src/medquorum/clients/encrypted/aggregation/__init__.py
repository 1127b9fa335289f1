# SPDX-License-Identifier: Apache-2.0
"""An aggregation node of encrypted tasks: adds re-shares of the parties' sums, makes the next model of the total."""
