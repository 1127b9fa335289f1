# SPDX-License-Identifier: Apache-2.0
"""The processes of a run: forked or started, followed, ended."""
