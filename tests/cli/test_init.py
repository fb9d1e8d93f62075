"""`overmind init`: a desk that trades at once, or nothing at all; and never the loss of a key."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import CommandResult, as_json, command_in
from tests.support.command_process import outside_environment, still_tape

from overmind.cli import main
from overmind.keys.secret_key import SecretKey, read_key

PASSPHRASE = "correct horse battery"
BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}


def bare(folder: Path, *words: str, given: str = "", **more: str) -> CommandResult:
    """With no variable of ours but those given."""
    kept = outside_environment()
    return command_in(folder, kept | more, words, given)


def content(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder there, by its path."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def keys_in(folder: Path) -> dict[str, SecretKey]:
    found = {path.stem: read_key(path.read_text()) for path in (folder / "wallets").iterdir()}
    assert all(isinstance(key, SecretKey) for key in found.values())
    return {name: key for name, key in found.items() if isinstance(key, SecretKey)}


def test_the_new_desk_checks_and_trades_on_paper(tmp_path: Path) -> None:
    made = as_json(bare(tmp_path, "init", "--yes", "--json"))
    for path in (tmp_path / ".env", *(tmp_path / "wallets").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "wallets").stat().st_mode) == 0o700
    checked = as_json(bare(tmp_path, "check", "--json"))
    assert (checked["ok"], checked["warnings"]) == (True, [])
    public_keys = {row["wallet_id"]: row["public_key"] for row in made["wallets"]}
    assert {row["wallet_id"]: row["public_key"] for row in checked["wallets"]} == public_keys
    assert {name: key.public_key for name, key in keys_in(tmp_path).items()} == public_keys
    done = bare(tmp_path, "submit", "-", given=json.dumps(BUY), OVERMIND_PRICE_TAPE=str(still_tape(tmp_path)))
    assert as_json(done)["status"] == "placed"
    portfolio = as_json(bare(tmp_path, "portfolio", "--json"))
    assert (portfolio["total_wallets"], portfolio["deposited_usd"]) == (4, "100000")


def test_options_decide_what_is_written(tmp_path: Path) -> None:
    options = [
        "--wallet",
        "a:primary:medium:0.6",
        "--wallet",
        "b:emergency:low:0.4",
        "--capital",
        "5000",
        "--port",
        "0",
    ]
    assert bare(tmp_path, "init", "--yes", "--dir", "new/desk", *options).returncode == 0
    folder = tmp_path / "new" / "desk"
    shown = {row["name"]: row["value"] for row in as_json(bare(folder, "show-config", "--json"))}
    assert (shown["OVERMIND_PAPER_CAPITAL_USD"], shown["SNIPER_SERVER_PORT"]) == ("5000", "0")
    assert shown["OVERMIND_DEFAULT_WALLET"] == "a"
    assert set(keys_in(folder)) == {"a", "b"}


@pytest.mark.parametrize("cluster", ["localnet", "devnet"])
def test_a_live_desk_checks_too(tmp_path: Path, cluster: str) -> None:
    made = as_json(bare(tmp_path, "init", "--yes", "--cluster", cluster, "--json"))
    assert any("overmind venue" in step for step in made["next"])
    assert as_json(bare(tmp_path, "check", "--json"))["ok"] is True
    shown = {row["name"]: row["value"] for row in as_json(bare(tmp_path, "show-config", "--json"))}
    assert (shown["SNIPER_TRADING_MODE"], shown["OVERMIND_CLUSTER"]) == ("live", cluster)


def test_keys_are_encrypted_if_asked_for(tmp_path: Path) -> None:
    options = ["--keystore", "--wallet", "a:hft:high:1"]
    secret = {"OVERMIND_KEYSTORE_PASSPHRASE": PASSPHRASE}
    assert bare(tmp_path, "init", "--yes", *options, **secret).returncode == 0
    assert json.loads((tmp_path / "wallets" / "a.json").read_text())["format"] == "overmind-keystore"
    assert PASSPHRASE not in (tmp_path / ".env").read_text()
    assert as_json(bare(tmp_path, "check", "--json", **secret))["ok"] is True
    (row,) = as_json(bare(tmp_path, "keys", "list", "--json"))
    assert (row["form"], len(row["public_key"]) > 30, "no passphrase is set" in row["problem"]) == (
        "keystore",
        True,
        True,
    )


def test_nothing_that_exists_is_replaced(tmp_path: Path) -> None:
    assert bare(tmp_path, "init", "--yes").returncode == 0
    before = content(tmp_path)
    again = bare(tmp_path, "init", "--yes", "--capital", "1")
    assert (again.returncode, "nothing is replaced" in again.stderr) == (3, True)
    assert content(tmp_path) == before


def test_replace_keeps_every_key_and_the_old_settings(tmp_path: Path) -> None:
    assert bare(tmp_path, "init", "--yes").returncode == 0
    before, env = keys_in(tmp_path), (tmp_path / ".env").read_text()
    wallets = ["--wallet", "hft_wallet:hft:high:0.5", "--wallet", "fresh:primary:medium:0.5"]
    for number in (1, 2):
        made = as_json(bare(tmp_path, "init", "--yes", "--replace", "--json", *wallets))
        assert made["kept"] == str(tmp_path / f".env.before-{number}")
        assert [row["new"] for row in made["wallets"]] == [False, number == 1]
    assert (tmp_path / ".env.before-1").read_text() == env
    after = keys_in(tmp_path)
    assert {name: after[name] for name in before} == before
    assert as_json(bare(tmp_path, "check", "--json"))["ok"] is True


def a_folder_as_dotenv(folder: Path) -> None:
    (folder / ".env").mkdir()


def a_file_as_wallets(folder: Path) -> None:
    (folder / "wallets").write_text("")


def a_broken_key(folder: Path) -> None:
    (folder / "wallets").mkdir()
    (folder / "wallets" / "hft_wallet.json").write_text("[1, 2, 3]")


def nothing(folder: Path) -> None:
    """The options are wrong."""


@pytest.mark.parametrize(
    ("spoil", "options", "code", "problem"),
    [
        (a_folder_as_dotenv, ["--replace"], 4, ".env"),
        (a_file_as_wallets, ["--replace"], 4, "wallets"),
        (a_broken_key, ["--replace"], 2, "3 bytes, not 64"),
        (nothing, ["--wallet", "a:hft:high:0.7", "--wallet", "b:hft:high:0.7"], 2, "sum to 1.4"),
        (nothing, ["--wallet", "a:hft:high:1", "--wallet", "a:hft:high:0"], 2, "occurs 2 times"),
        (nothing, ["--wallet", "a:hft:high"], 2, "not four parts"),
        (nothing, ["--wallet", "../a:hft:high:1"], 2, "is not 1 to 64 letters"),
        (nothing, ["--wallet", "a:whale:high:1"], 2, "wallet type"),
        (nothing, ["--capital", "lots"], 2, "--capital"),
        (nothing, ["--capital", "1'; rm"], 2, "holds a quote"),
        (nothing, ["--port", "70000"], 2, "--port"),
        (nothing, ["--cluster", "mainnet"], 2, "does not trade on mainnet"),
        (nothing, ["--cluster", "devnet", "--rpc-url", "nowhere"], 2, "--rpc-url"),
        (nothing, ["--keystore"], 2, "OVERMIND_KEYSTORE_PASSPHRASE is not set"),
    ],
)
def test_whatever_goes_wrong_leaves_nothing_behind(
    tmp_path: Path, spoil: Callable[[Path], None], options: list[str], code: int, problem: str
) -> None:
    spoil(tmp_path)
    before = content(tmp_path)
    done = bare(tmp_path, "init", "--yes", *options)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert content(tmp_path) == before


def test_without_a_terminal_it_asks_nobody(tmp_path: Path) -> None:
    done = bare(tmp_path, "init")
    assert (done.returncode, "add --yes" in done.stderr) == (2, True)
    assert content(tmp_path) == {}


class Person(io.StringIO):
    """Types these lines at a terminal."""

    def isatty(self) -> bool:
        return True


def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, *typed: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", Person("".join(f"{line}\n" for line in typed)))
    return main(["init"])


def test_it_asks_what_no_option_says_and_asks_again_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        ask(tmp_path, monkeypatch, "moon", "", "a:hft", "a:hft:high:1", "plenty", "7000", "", "maybe", "no", "yes") == 0
    )
    told = capsys.readouterr()
    assert "Paper capital in USD [100000]: " in told.err
    assert told.err.count("error: ") == 4
    assert "overmind run" in told.out
    assert "OVERMIND_PAPER_CAPITAL_USD='7000'" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("typed", "code"), [(["", "", "", "", "", "no"], 3), (["", ""], 2)], ids=["declined", "input ends"]
)
def test_who_says_no_or_leaves_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str], code: int
) -> None:
    assert ask(tmp_path, monkeypatch, *typed) == code
    assert content(tmp_path) == {}


def test_no_output_holds_a_secret(tmp_path: Path) -> None:
    done = bare(tmp_path, "init", "--yes")
    listed, as_rows = bare(tmp_path, "keys", "list"), bare(tmp_path, "keys", "list", "--json")
    told = "".join(one.stdout + one.stderr for one in (done, listed, as_rows))
    for name, key in keys_in(tmp_path).items():
        assert key.public_key in told
        assert str(key.reveal()) not in told
        assert (tmp_path / "wallets" / f"{name}.json").read_text()[:40] not in told


def test_keys_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    assert bare(tmp_path, "init", "--yes", "--wallet", "a:hft:high:0.5", "--wallet", "b:hft:high:0.5").returncode == 0
    assert bare(tmp_path, "keys", "new", "wallets/spare.json").returncode == 0
    (tmp_path / "wallets" / "a.json").chmod(0o644)
    (tmp_path / "wallets" / "b.json").unlink()
    (tmp_path / "wallets" / "notes.json").write_text('{"about": "no key"}')
    rows = {row["wallet_id"]: row for row in as_json(bare(tmp_path, "keys", "list", "--json"))}
    assert set(rows) == {"a", "b", None}
    assert (rows["a"]["mode"], "chmod 600" in rows["a"]["problem"]) == ("0644", True)
    assert (rows["b"]["public_key"], "does not exist" in rows["b"]["problem"]) == (None, True)
    assert rows[None]["source"].endswith("spare.json")
    assert rows[None]["public_key"]
