# SPDX-License-Identifier: Apache-2.0
"""The coordinator's process: opens and closes rounds, and ends those that cannot go on."""
