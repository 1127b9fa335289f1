# SPDX-License-Identifier: Apache-2.0
"""A party of encrypted verification: P0 (a verifier with the images) or P1 (the witness), each in its own process."""
