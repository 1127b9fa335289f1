# SPDX-License-Identifier: Apache-2.0
"""A transaction's way: proposed and endorsed, sent, committed."""
