# SPDX-License-Identifier: Apache-2.0
"""Transactions that only encrypted tasks have."""
