"""`overmind backup` and `overmind restore`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.command import as_json, copy_of, overmind
from tests.support.command_process import WALLETS

from overmind.desk.sources.changes import add_source
from overmind.desk.sources.source import AnswersKey, Source, SourceKind, SourceSecret
from overmind.desk.sources.store import change_sources
from overmind.keys.secret_key import SecretKey

SIGNAL = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traded")
    assert overmind(folder, "submit", "-", given=json.dumps(SIGNAL)).returncode == 0
    for name in ("users.json", "api_token"):
        (folder / "data" / name).write_text("[]")
        (folder / "data" / name).chmod(0o600)
    return folder


@pytest.fixture
def desk(traded: Path, tmp_path: Path) -> Path:
    return copy_of(traded, tmp_path)


def test_a_desk_goes_on_from_its_backup(desk: Path) -> None:
    made = as_json(overmind(desk, "backup", "copy", "--json"))
    assert made["backup"] == str(desk / "copy")
    assert not made["keys"]
    assert sorted(path.name for path in (desk / "copy").iterdir()) == ["backup.json", "overmind.db", "users.json"]
    told = as_json(overmind(desk, "restore", "copy", "--to", "again", "--json"))
    assert told == {"data_dir": str(desk / "again"), **{name: made[name] for name in told if name != "data_dir"}}
    again = overmind(desk, "submit", "-", "--json", given=json.dumps(SIGNAL), OVERMIND_DATA_DIR="again")
    assert as_json(again)["status"] == "duplicate"


def test_a_stop_that_nobody_has_lifted_stays_one(desk: Path) -> None:
    (desk / "data" / "STOP").write_text("look at it first")
    assert overmind(desk, "backup", "copy").returncode == 0
    assert overmind(desk, "restore", "copy", "--to", "again").returncode == 0
    assert (desk / "again" / "STOP").read_text() == "look at it first"


def test_no_copy_of_a_desk_signs_its_answers(desk: Path) -> None:
    key = AnswersKey("whsec_a-key-that-both-sides-have")
    made = Source("tv", SourceKind.TRADINGVIEW, {"SOLUSD": "SOL"}, {}, (SourceSecret("0" * 64),), "", "")
    change_sources(desk / "data", add_source(replace(made, answers_keys=(key,))))
    for name, words in (("copy", ()), ("secrets", ("--with-keys",))):
        assert overmind(desk, "backup", name, *words).returncode == 0
        assert (desk / name / "hooks.json").exists()
        held = b"".join(path.read_bytes() for path in (desk / name).rglob("*") if path.is_file())
        assert (key.key.encode() in held) == (name == "secrets")


def test_people_read_what_it_holds(desk: Path) -> None:
    made = overmind(desk, "backup", "copy")
    assert made.returncode == 0
    assert "2 files" in made.stdout
    assert "without private keys" in made.stdout
    restored = overmind(desk, "restore", "copy", "--to", "again")
    assert f"OVERMIND_DATA_DIR={desk / 'again'}" in restored.stdout


def test_keys_come_along_only_when_they_are_asked_for(desk: Path) -> None:
    key = SecretKey.generate()
    (desk / "key.json").write_text(json.dumps(list(bytes(key.reveal()))))
    (desk / "key.json").chmod(0o600)
    wallets = WALLETS.replace("env:WALLET2_KEY", "./key.json")
    made = as_json(overmind(desk, "backup", "copy", "--with-keys", "--json", OVERMIND_MANAGED_WALLETS=wallets))
    assert made["keys"]
    assert (desk / "copy" / "keys" / "hft_wallet.json").read_bytes() == (desk / "key.json").read_bytes()
    assert (desk / "copy" / "api_token").exists()
    assert [path.name for path in (desk / "copy" / "keys").iterdir()] == ["hft_wallet.json"], "variables stay there"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup", "data"), "exists and is not empty"),
        (("backup", "copy", "--data-dir", "nothing"), "no journal"),
        (("restore", "data", "--to", "again"), "Name the folder of a finished backup"),
        (("restore", "nothing", "--to", "again"), "Name the folder of a finished backup"),
        (("restore", "copy", "--to", "data"), "exists and is not empty"),
        (("restore", "copy", "--to", "key"), "exists and is not empty"),
        (("backup", "key/copy"), "Name a folder that this user can write"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Path, words: tuple[str, ...], told: str) -> None:
    (desk / "key").touch()
    if "copy" in words[1:2] and words[0] == "restore":
        assert overmind(desk, "backup", "copy").returncode == 0
    done = overmind(desk, *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert not (desk / "again").exists()
