# SPDX-License-Identifier: Apache-2.0
"""``medquorum-network``: one module for each group of commands."""
