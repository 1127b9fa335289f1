# SPDX-License-Identifier: Apache-2.0
"""A hospital's part from Python: what ``medquorum.hospital`` shows, over what the command line uses."""
