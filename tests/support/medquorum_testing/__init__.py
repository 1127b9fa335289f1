# SPDX-License-Identifier: Apache-2.0
"""What the tests share: networks, federations, fakes."""
