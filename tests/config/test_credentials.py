"""Secrets that systemd hands to the service alone: files in a folder that it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config import Origin
from overmind.keys.keystore import seal
from overmind.keys.secret_key import SecretKey

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "keystore_passphrase").write_text(PASSPHRASE + "\n")
    return folder


def test_a_keystore_opens_with_a_credential(desk: DeskOnDisk, credentials: Path) -> None:
    key = SecretKey.generate()
    path = desk.write("sealed.json", seal(key, PASSPHRASE))
    desk.lines(f"w1:{path}:primary:medium:0.5")
    desk.env["OVERMIND_DEFAULT_WALLET"] = ""
    assert "passphrase" in str(desk.problems())
    config = desk.load(CREDENTIALS_DIRECTORY=str(credentials))
    assert [one.wallet.public_key for one in config.wallets.values()] == [key.public_key]
    rows = {row.name: row for row in config.rows}
    assert rows["OVERMIND_KEYSTORE_PASSPHRASE"].origin is Origin.CREDENTIAL
    assert PASSPHRASE not in json.dumps([row.value for row in config.rows])


@pytest.mark.parametrize(
    ("process", "dotenv", "found"),
    [("p" * 16, "f" * 16, "p" * 16), (None, "f" * 16, "c" * 16), (None, None, "c" * 16)],
    ids=["the process wins", "before the file", "alone"],
)
def test_which_one_counts(
    desk: DeskOnDisk, credentials: Path, process: str | None, dotenv: str | None, found: str
) -> None:
    (credentials / "api_token").write_text("c" * 16)
    file = desk.write(".env", "" if dotenv is None else f"OVERMIND_API_TOKEN={dotenv}\n")
    more = {} if process is None else {"OVERMIND_API_TOKEN": process}
    token = desk.load(file, CREDENTIALS_DIRECTORY=str(credentials), **more).api_token
    assert token is not None
    assert token.reveal() == found


def test_one_line_end_is_taken_off_and_no_more(desk: DeskOnDisk, credentials: Path) -> None:
    (credentials / "api_token").write_text(" " + "c" * 16 + " \n")
    token = desk.load(CREDENTIALS_DIRECTORY=str(credentials)).api_token
    assert token is not None
    assert token.reveal() == " " + "c" * 16 + " "


def test_what_is_wrong_with_one_is_told_without_it(desk: DeskOnDisk, credentials: Path) -> None:
    (credentials / "api_token").write_bytes(b"\xff" * 20)
    (credentials / "keystore_pasphrase").write_text(PASSPHRASE)
    (credentials / "hft.json").write_text("a key file, which a path names")
    where = [problem.where for problem in desk.problems(CREDENTIALS_DIRECTORY=str(credentials))]
    assert where == ["credential api_token"]
    (credentials / "api_token").unlink()
    warned = desk.load(CREDENTIALS_DIRECTORY=str(credentials)).warnings
    assert [one.where for one in warned if "PASPHRASE" in one.where] == ["credential: OVERMIND_KEYSTORE_PASPHRASE"]
    assert PASSPHRASE not in str(warned)


def test_a_folder_that_is_not_there_is_an_error(desk: DeskOnDisk, tmp_path: Path) -> None:
    (problem,) = desk.problems(CREDENTIALS_DIRECTORY=str(tmp_path / "nowhere"))
    assert problem.where == "CREDENTIALS_DIRECTORY"
