# SPDX-License-Identifier: Apache-2.0
"""From a consortium description to a running network: real Fabric, or the embedded devnet."""
