# SPDX-License-Identifier: Apache-2.0
"""A hospital's process: trains on its own images, submits, checks what it gets back."""
