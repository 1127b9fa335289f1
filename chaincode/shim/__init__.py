# SPDX-License-Identifier: Apache-2.0
"""Chaincode-as-a-service server on the official Fabric messages."""
