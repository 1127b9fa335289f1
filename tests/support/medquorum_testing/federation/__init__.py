# SPDX-License-Identifier: Apache-2.0
"""Federations on running networks: role processes, tasks, hospitals played by a test."""
