# SPDX-License-Identifier: Apache-2.0
"""Real Fabric peers and orderers as native processes."""
