# SPDX-License-Identifier: Apache-2.0
"""The embedded devnet: one process that answers clients and chaincode as Fabric's peers and orderers do.

For development, tests and demonstrations where Fabric's binaries are missing. It is no production ledger: one process
holds every organisation's keys and orders, validates and commits alone.
"""
