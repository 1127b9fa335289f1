# SPDX-License-Identifier: Apache-2.0
"""An administrator's part from Python: a task for a module of one's own.

>>> from medquorum.admin import connect
>>> with connect("connection-coordinator.json") as admin:
...     admin.create_task("lungs", document, initial=MyNet(), dataset=commitment, dataset_size=270)

torch is loaded when something needs it.
"""

from medquorum.clients.admin.api import AdminConnection, connect
from medquorum.clients.admin.dataset import describe as describe_dataset
from medquorum.clients.admin.dataset import verification_set

__all__ = ["AdminConnection", "connect", "describe_dataset", "verification_set"]
