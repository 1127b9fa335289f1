# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the channel: access rules, signature policies, chaincode definitions."""
