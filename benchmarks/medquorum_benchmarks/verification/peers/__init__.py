# SPDX-License-Identifier: Apache-2.0
"""The encrypted engine beside other MPC libraries, and its processes on links of their own."""
