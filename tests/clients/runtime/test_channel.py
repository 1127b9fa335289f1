# SPDX-License-Identifier: Apache-2.0
"""A process' folder belongs to one channel for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.clients.runtime.channel import bind_folder
from medquorum.errors import ConfigError

FIRST, SECOND = "a" * 64, "b" * 64


def test_a_folder_is_taken_back_by_its_own_channel_only(tmp_path: Path) -> None:
    bind_folder(tmp_path, "mychannel", FIRST)
    bind_folder(tmp_path, "mychannel", FIRST)
    for channel, genesis in (("mychannel", SECOND), ("other", FIRST)):
        with pytest.raises(ConfigError, match="belongs to the channel mychannel") as refused:
            bind_folder(tmp_path, channel, genesis)
        assert "--state-dir" in refused.value.remedy
    assert (tmp_path / "channel.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"channel": "mychannel"}'])
def test_a_file_that_names_no_channel_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "channel.json").write_text(text)
    with pytest.raises(ConfigError, match="names no channel"):
        bind_folder(tmp_path, "mychannel", FIRST)
