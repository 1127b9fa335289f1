# SPDX-License-Identifier: Apache-2.0
"""What a channel tells a listener: blocks, chaincode events, and where the listener has got to."""
