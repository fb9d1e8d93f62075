"""Sources are kept by the hashes of their secrets, in a private file that is whole at every moment."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from overmind.config.private_records import write_records
from overmind.config.problems import ConfigError
from overmind.config.secrecy import Secret
from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import DAY_NS
from overmind.desk.sources.changes import SOURCES_MAX, SourceChange, add_source, remove_source, rotate_source
from overmind.desk.sources.source import (
    AnswersKey,
    Source,
    SourceKind,
    fault_of_source,
    is_secret_of,
    kept,
    new_secret,
)
from overmind.desk.sources.store import (
    KEYS_FILE,
    SOURCES_FILE,
    change_sources,
    read_sources,
    read_sources_with_keys,
    write_sources,
)

SECRET = Secret("a-secret-of-a-source-that-nobody-guesses-123")
SOURCE = Source(
    name="momentum",
    kind=SourceKind.TRADINGVIEW,
    symbols={"SOLUSDC": "SOL"},
    defaults={"strategy_type": "MomentumTrading", "notional_usd": "250"},
    secrets=(kept(SECRET),),
    made_at="2026-11-29T03:00:00Z",
    made_by="ann",
)
AT = 1_700_000_000 * 10**9


def test_the_file_is_private_and_holds_no_secret(tmp_path: Path) -> None:
    change_sources(tmp_path, add_source(SOURCE))
    path = tmp_path / SOURCES_FILE
    assert read_sources(tmp_path) == {"momentum": SOURCE}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET.reveal() not in path.read_text()
    assert SECRET.reveal() not in repr(SOURCE)


def test_a_copy_of_it_signs_no_answers(tmp_path: Path) -> None:
    key = AnswersKey("whsec_a-key-that-both-sides-have")
    answered = replace(SOURCE, answers_url="https://bot.example.org", answers_keys=(key,))
    change_sources(tmp_path, add_source(answered))
    change_sources(tmp_path, add_source(replace(SOURCE, name="other")))
    assert key.key not in (tmp_path / SOURCES_FILE).read_text()
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600
    assert read_sources_with_keys(tmp_path)["momentum"] == answered
    assert read_sources(tmp_path)["momentum"].answers_keys == (), "the door needs no key"
    change_sources(tmp_path, remove_source("momentum"))
    assert key.key not in (tmp_path / KEYS_FILE).read_text()


def test_keys_of_before_are_moved_out_by_the_next_change(tmp_path: Path) -> None:
    answered = replace(SOURCE, answers_keys=(AnswersKey("whsec_old"),))
    write_records(tmp_path / SOURCES_FILE, (answered,))
    assert read_sources_with_keys(tmp_path) == {"momentum": answered}
    change_sources(tmp_path, add_source(replace(SOURCE, name="other")))
    assert "whsec_old" not in (tmp_path / SOURCES_FILE).read_text()
    assert read_sources_with_keys(tmp_path)["momentum"] == answered


def test_a_damaged_file_of_keys_shuts_no_door_and_is_not_replaced(tmp_path: Path) -> None:
    change_sources(tmp_path, add_source(SOURCE))
    (tmp_path / KEYS_FILE).write_text("garbage")
    (tmp_path / KEYS_FILE).chmod(0o600)
    assert read_sources(tmp_path) == {"momentum": SOURCE}
    with pytest.raises(ConfigError, match="answers_keys"):
        change_sources(tmp_path, remove_source("momentum"))
    assert (tmp_path / KEYS_FILE).read_text() == "garbage"


def test_a_secret_is_256_random_bits_that_fit_into_a_path() -> None:
    one, other = new_secret().reveal(), new_secret().reveal()
    assert one != other
    assert len(one) == 43
    assert one.replace("-", "").replace("_", "").isalnum()


def test_two_secrets_are_valid_for_a_day_after_a_rotation() -> None:
    second, third = Secret("the second"), Secret("the third")
    once = rotate_source("momentum", kept(second), AT, "now").of({"momentum": SOURCE})["momentum"]
    assert is_secret_of(once, SECRET.reveal(), AT + DAY_NS - 1)
    assert not is_secret_of(once, SECRET.reveal(), AT + DAY_NS)
    assert is_secret_of(once, second.reveal(), AT + DAY_NS)
    twice = rotate_source("momentum", kept(third), AT + 1, "now").of({"momentum": once})["momentum"]
    assert [is_secret_of(twice, one.reveal(), AT + 2) for one in (third, second, SECRET)] == [True, True, False]


def test_a_secret_that_leaked_can_end_at_once() -> None:
    second = Secret("the second")
    change = rotate_source("momentum", kept(second), AT, "now", grace_ns=0)
    now = change.of({"momentum": SOURCE})["momentum"]
    assert [is_secret_of(now, one.reveal(), AT) for one in (second, SECRET)] == [True, False]


def test_nobody_has_a_secret() -> None:
    assert not is_secret_of(None, SECRET.reveal(), AT)
    assert not is_secret_of(SOURCE, "", AT)
    assert not is_secret_of(SOURCE, "\ud800", AT)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (add_source(SOURCE), "there is a source 'momentum' already"),
        (remove_source("other"), "no source 'other'"),
        (rotate_source("other", kept(SECRET), AT, "now"), "no source 'other'"),
    ],
)
def test_what_cannot_be_changed(tmp_path: Path, change: SourceChange, error: str) -> None:
    change_sources(tmp_path, add_source(SOURCE))
    with pytest.raises(CommandRefused, match=error):
        change_sources(tmp_path, change)
    assert read_sources(tmp_path) == {"momentum": SOURCE}


def test_a_removed_source_is_gone(tmp_path: Path) -> None:
    change_sources(tmp_path, add_source(SOURCE))
    change_sources(tmp_path, remove_source("momentum"))
    assert read_sources(tmp_path) == {}


def test_there_are_not_too_many() -> None:
    many = {str(number): replace(SOURCE, name=str(number)) for number in range(SOURCES_MAX)}
    with pytest.raises(CommandRefused, match="remove one first"):
        add_source(SOURCE).of(many)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (replace(SOURCE, name="a/b"), "name"),
        (replace(SOURCE, name="token:x"), "name"),
        (replace(SOURCE, symbols={}), "no symbols"),
        (replace(SOURCE, symbols={"solusdc": "SOL"}), "ticker"),
        (replace(SOURCE, symbols={"SOL USDC": "SOL"}), "ticker"),
        (replace(SOURCE, defaults={"signal_id": "x"}), "default"),
        (replace(SOURCE, secrets=()), "0 secrets"),
    ],
)
def test_what_is_no_source(tmp_path: Path, source: Source, problem: str) -> None:
    fault = fault_of_source(source)
    assert fault is not None
    assert problem in fault.problem
    with pytest.raises(ConfigError, match="hooks"):
        write_sources(tmp_path, {source.name: source})


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [("{", 0o600, "cannot be read"), ("[]", 0o644, "others can read"), ('[{"name": 1}]', 0o600, "cannot be read")],
)
def test_a_file_that_cannot_be_believed_is_refused(tmp_path: Path, content: str, mode: int, problem: str) -> None:
    path = tmp_path / SOURCES_FILE
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=problem):
        read_sources(tmp_path)
