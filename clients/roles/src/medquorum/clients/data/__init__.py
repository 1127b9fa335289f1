# SPDX-License-Identifier: Apache-2.0
"""Images and labels: where they come from and how they are dealt out to hospitals."""
