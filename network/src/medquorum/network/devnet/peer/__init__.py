# SPDX-License-Identifier: Apache-2.0
"""An organisation's peer: simulation, endorsement, chaincode streams, deliveries."""
