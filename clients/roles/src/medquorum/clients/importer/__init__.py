# SPDX-License-Identifier: Apache-2.0
"""From a hospital's own torch module to a model description, and what that model costs."""
