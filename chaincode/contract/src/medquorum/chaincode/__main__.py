# SPDX-License-Identifier: Apache-2.0
"""``python -m medquorum.chaincode`` serves the contract."""

from medquorum.chaincode.server import main

main()
