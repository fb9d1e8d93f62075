"""`overmind keys`: key files that the configuration reads, for their owner alone, and never replaced."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.support.command import CommandResult, as_json, overmind

from overmind.keys.secret_key import SecretKey, read_key

PASSPHRASE = "correct horse battery"
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"


def checked(folder: Path, source: str, **more: str) -> CommandResult:
    return overmind(folder, "check", "--json", OVERMIND_MANAGED_WALLETS=f"primary_wallet:{source}:hft:high:1", **more)


@pytest.mark.parametrize("options", [[], ["--keystore"]], ids=["keypair", "keystore"])
def test_a_new_key_is_one_that_the_configuration_reads(options: list[str], tmp_path: Path) -> None:
    variable = {"OVERMIND_KEYSTORE_PASSPHRASE": PASSPHRASE}
    made = as_json(overmind(tmp_path, "keys", "new", "w.json", *options, "--json", **variable))
    file = tmp_path / "w.json"
    assert (made["file"], made["keystore"]) == (str(file), bool(options))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (wallet,) = as_json(checked(tmp_path, "w.json", **variable))["wallets"]
    assert wallet["public_key"] == made["public_key"]
    if options:
        assert as_json(checked(tmp_path, "w.json"))["ok"] is False
    else:
        assert len(json.loads(file.read_text())) == 64


def test_every_new_key_is_another_one(tmp_path: Path) -> None:
    told = [as_json(overmind(tmp_path, "keys", "new", name, "--json"))["public_key"] for name in ("a", "b")]
    assert told[0] != told[1]


def test_a_key_is_never_replaced_and_never_shown(tmp_path: Path) -> None:
    shown = overmind(tmp_path, "keys", "new", "w.json")
    before = (tmp_path / "w.json").read_text()
    key = read_key(before)
    assert isinstance(key, SecretKey)
    assert key.public_key in shown.stdout
    for again in (["keys", "new", "w.json"], ["keys", "import", "w.json", "w.json"]):
        refused = overmind(tmp_path, *again)
        assert (refused.returncode, f"{tmp_path / 'w.json'} exists" in refused.stderr) == (3, True)
        assert (tmp_path / "w.json").read_text() == before
    assert str(key.reveal()) not in shown.stdout + shown.stderr
    assert before not in shown.stdout + shown.stderr


def test_a_key_comes_in_from_any_form(tmp_path: Path) -> None:
    """From a variable to a keystore, and back to a keypair."""
    variable = {"OVERMIND_KEYSTORE_PASSPHRASE": PASSPHRASE}
    sealed = as_json(overmind(tmp_path, "keys", "import", "env:WALLET1_KEY", "w", "--keystore", "--json", **variable))
    opened = as_json(overmind(tmp_path, "keys", "import", "w", "v", "--json", **variable))
    assert sealed["public_key"] == opened["public_key"]
    assert json.loads((tmp_path / "w").read_text())["format"] == "overmind-keystore"
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["new", "absent/w.json"], 4, "No such file or directory"),
        (["new", "w.json", "--keystore"], 2, "no terminal to ask on"),
        (["import", "words.txt", "w.json"], 2, "a recovery phrase (mnemonic) of 12 words"),
        (["import", "env:NOT_THERE", "w.json"], 2, "is not set"),
        (["import", "absent", "w.json"], 2, "the file does not exist"),
        ([], 2, "Missing command"),
    ],
)
def test_what_is_refused_leaves_no_file(words: list[str], code: int, problem: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(WORDS)
    done = overmind(tmp_path, "keys", *words)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "w.json").exists()
    assert WORDS not in done.stderr


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    done = overmind(tmp_path, "keys", "new", "w.json", "--keystore", OVERMIND_KEYSTORE_PASSPHRASE="short")
    assert (done.returncode, "fewer than 8 characters" in done.stderr) == (2, True)
