# SPDX-License-Identifier: Apache-2.0
"""NVFlare's client API over the ledger: write ``medquorum.nvflare`` where a program says ``nvflare.client``.

>>> import medquorum.nvflare as flare
>>> flare.init(profile="connection-hospital1.json", task="lungs")
>>> while flare.is_running():
...     model.load_state_dict(flare.receive().params)
...     fit(model)
...     flare.send(flare.FLModel(params=model.state_dict(), metrics={"loss": 0.1}))

Where ``init`` is called without arguments, MEDQUORUM_PROFILE and MEDQUORUM_TASK say where and what; MEDQUORUM_IDENTITY
and MEDQUORUM_STATE are optional. Rounds are counted from 0, as NVFlare does. NVFlare itself is not needed.
"""

from medquorum.nvflare.client import (
    clear,
    get_job_id,
    get_site_name,
    init,
    is_evaluate,
    is_running,
    is_submit_model,
    is_train,
    log,
    receive,
    send,
    shutdown,
    system_info,
)
from medquorum.nvflare.model import FLModel, ParamsType

__all__ = [
    "FLModel",
    "ParamsType",
    "clear",
    "get_job_id",
    "get_site_name",
    "init",
    "is_evaluate",
    "is_running",
    "is_submit_model",
    "is_train",
    "log",
    "receive",
    "send",
    "shutdown",
    "system_info",
]
