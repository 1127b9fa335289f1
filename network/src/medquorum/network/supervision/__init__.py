# SPDX-License-Identifier: Apache-2.0
"""Processes that should run, and the supervisor that keeps them running."""
