"""The two small files of a service: who may read them, and when they are ignored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import structs

from overmind.config import ConfigError, MultiWalletConfig
from overmind.core.model.enums import TradingMode
from overmind.http.files import TOKEN_FILE, RunningService, find_service, publish, token_of_service, withdraw
from overmind.journal.lock import OwnerLock
from overmind.sandbox.demo import demo_config


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> MultiWalletConfig:
    return demo_config(1, tmp_path)


def test_a_token_is_made_once(config: MultiWalletConfig) -> None:
    first, warnings = token_of_service(config)
    assert (token_of_service(config), warnings) == ((first, ()), ())
    assert len(first.reveal()) >= 40
    assert first.reveal() not in repr(first)
    assert (config.data_dir / TOKEN_FILE).stat().st_mode & 0o777 == 0o600


def test_a_token_that_others_can_read_is_a_warning_on_paper_and_an_error_live(config: MultiWalletConfig) -> None:
    made, _ = token_of_service(config)
    (config.data_dir / TOKEN_FILE).chmod(0o640)
    token, warnings = token_of_service(config)
    assert (token, len(warnings)) == (made, 1)
    assert made.reveal() not in str(warnings)
    with pytest.raises(ConfigError, match="others can read"):
        token_of_service(structs.replace(config, mode=TradingMode.LIVE))


@pytest.mark.parametrize("content", ["", "short", "é" * 20, "\0" * 3])
def test_a_file_without_a_token(content: str, config: MultiWalletConfig) -> None:
    config.data_dir.joinpath(TOKEN_FILE).write_text(content)
    with pytest.raises(ConfigError, match="no token of 16"):
        token_of_service(config)


def test_a_service_is_found_while_it_holds_the_journal(tmp_path: Path) -> None:
    mine, other = RunningService("http://127.0.0.1:1", os.getpid()), RunningService("http://127.0.0.1:1", 1)
    assert find_service(tmp_path) is None
    publish(tmp_path, mine)
    assert find_service(tmp_path) is None, "nobody ever owned this journal"
    lock = OwnerLock(tmp_path / "overmind.lock")
    assert find_service(tmp_path) == mine
    publish(tmp_path, other)
    assert find_service(tmp_path) is None, "its owner is somebody else"
    publish(tmp_path, mine)
    lock.release()
    assert find_service(tmp_path) is None, "nobody owns it any more"
    (tmp_path / "service.json").write_text("nonsense")
    assert find_service(tmp_path) is None
    withdraw(tmp_path)
    withdraw(tmp_path)
    assert not (tmp_path / "service.json").exists()
