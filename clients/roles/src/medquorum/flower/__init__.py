# SPDX-License-Identifier: Apache-2.0
"""A Flower ClientApp, as it is, as a hospital's training: rounds come from the ledger, no SuperLink is needed.

>>> from medquorum.flower import run_client_app
>>> run_client_app("mypackage.client_app:app", task="lungs", profile="connection-hospital1.json")

Flower itself is not installed with Medquorum: ``pip install "medquorum[flower]"``. Accepted updates are averaged as the
task says: ``num-examples`` has no say. Mods that leave no plain arrays, such as secure aggregation, are no updates.
"""

from medquorum.flower.app import run_client_app

__all__ = ["run_client_app"]
