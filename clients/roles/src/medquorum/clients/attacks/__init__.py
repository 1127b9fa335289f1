# SPDX-License-Identifier: Apache-2.0
"""Simulated adversaries: what is done to labels, to a trained update, or with somebody's earlier one."""
