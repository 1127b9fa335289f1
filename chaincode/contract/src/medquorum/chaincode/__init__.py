# SPDX-License-Identifier: Apache-2.0
"""What endorsing peers run: the chaincode shim, the contract, the rules and the exact integer evaluation."""
