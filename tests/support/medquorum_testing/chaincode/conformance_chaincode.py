# SPDX-License-Identifier: Apache-2.0
"""The asset chaincode as the conformance network runs it: Org3's copy has another opinion than the others."""

from __future__ import annotations

import os

from medquorum.shim import ServerSettings, serve
from medquorum_testing.chaincode.asset_chaincode import AssetChaincode

if __name__ == "__main__":
    if os.environ["MEDQUORUM_MSP_ID"] == "Org3MSP":
        os.environ["ASSET_OPINION"] = "different"
    serve(AssetChaincode(), ServerSettings.from_environment())
