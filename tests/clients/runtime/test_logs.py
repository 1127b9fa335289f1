# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import logging

import pytest
import structlog

from medquorum.clients.runtime import logs


def test_what_the_gateway_client_logs_is_a_line_like_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True, verbose=False)
    with structlog.contextvars.bound_contextvars(role="hospital", msp="Hospital1MSP"):
        structlog.get_logger().warning("own")
        logging.getLogger("medquorum.gateway.submission").warning(
            "submit of %s unacknowledged: %s", "ab", "UNAVAILABLE"
        )
        logging.getLogger("medquorum.gateway.submission").info("not said")
    own, library = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert library["event"] == "submit of ab unacknowledged: UNAVAILABLE"
    assert own.keys() == library.keys()
    assert (library["level"], library["role"], library["msp"]) == ("warning", "hospital", "Hospital1MSP")
