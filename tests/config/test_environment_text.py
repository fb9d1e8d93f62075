"""What Docker, editors and web pages leave around a value: it is cleaned or named, never taken for a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config.variables.table import VARIABLES
from overmind.text.characters import foreign_letter, is_blank, trimmed, unseen

AROUND = ["{}\r", "{}\r\n", "\ufeff{}", "\u00a0{}\u00a0", "\u200b{}\u2060", "\t{}\u3000", "\u2003{} "]
QUOTED = ['"{}"', "'{}'", "\u201c{}\u201d", '"{}', "{}'", "\u00ab{}\u00bb"]
VALUES = {
    "OVERMIND_DAY_LOSS_MAX_PERCENT": "5",
    "SNIPER_TRADING_MODE": "live",
    "OVERMIND_CLUSTER": "localnet",
    "OVERMIND_MULTI_WALLET_ENABLED": "true",
    "OVERMIND_DATA_DIR": "./desk",
    "OVERMIND_EXIT_SLIPPAGE_BPS": "100,200",
    "OVERMIND_STRESS_PERCENT": "10,20",
    "SNIPER_SOLANA_RPC_URL": "http://127.0.0.1:8899",
    "OVERMIND_WITHDRAW_ADDRESSES": "So11111111111111111111111111111111111111112",
}


@pytest.mark.parametrize("around", AROUND)
def test_blanks_of_every_width_are_left_out(around: str, desk: DeskOnDisk) -> None:
    plain = desk.load(**VALUES)
    desk.env["OVERMIND_MANAGED_WALLETS"] = around.format(desk.env["OVERMIND_MANAGED_WALLETS"])
    dressed = desk.load(**{name: around.format(value) for name, value in VALUES.items()})
    assert [(row.name, row.value) for row in dressed.rows] == [(row.name, row.value) for row in plain.rows]
    assert (dressed.desk, dressed.wallets, dressed.chain) == (plain.desk, plain.wallets, plain.chain)


@pytest.mark.parametrize("around", QUOTED)
@pytest.mark.parametrize("name", VALUES)
def test_quotes_are_refused_by_their_names(name: str, around: str, desk: DeskOnDisk) -> None:
    desk.env |= {"SNIPER_TRADING_MODE": "paper"}
    problems = desk.problems(**{name: around.format(VALUES[name])})
    assert [(problem.where, "begins or ends with U+" in problem.problem) for problem in problems] == [(name, True)]
    assert "Docker's --env-file keeps" in problems[0].fix


@pytest.mark.parametrize("letter", ["\u00a0", "\u200b", "\u202e", "\x1b", "\x00", "\ufeff", "\u2028"])
@pytest.mark.parametrize("name", VALUES)
def test_a_character_inside_that_nobody_sees_is_named(name: str, letter: str, desk: DeskOnDisk) -> None:
    value = VALUES[name]
    problems = desk.problems(**{name: f"{value[:1]}{letter}{value[1:]}{letter}x"})
    assert [problem.where for problem in problems] == [name]
    assert f"holds U+{ord(letter):04X} " in problems[0].problem
    assert letter not in problems[0].problem


@pytest.mark.parametrize("name", VALUES)
def test_a_comment_behind_a_value_is_named(name: str, desk: DeskOnDisk) -> None:
    desk.env |= {"SNIPER_TRADING_MODE": "paper"}
    (problem,) = desk.problems(**{name: f"{VALUES[name]}  # as agreed"})
    assert (problem.where, problem.problem) == (name, "holds a comment, begun by U+0023 NUMBER SIGN")


SECRETS = {"OVERMIND_API_TOKEN": "a-token-of-our-own", "OVERMIND_KEYSTORE_PASSPHRASE": "caf\u00e9 with blanks "}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("around", ["{}\r", "\ufeff{}", '"{}"', "'{}'", "{}\x1b[0m"])
def test_a_secret_is_never_cleaned_and_never_shown(around: str, name: str, desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(**{name: around.format(SECRETS[name])})
    assert (problem.where, "U+" in problem.problem) == (name, True)
    assert SECRETS[name] not in str(problem)


def test_a_secret_keeps_its_blanks_and_quotes_inside(desk: DeskOnDisk) -> None:
    config = desk.load(OVERMIND_API_TOKEN=' a "quoted" token of ours ')
    assert config.api_token is not None
    assert config.api_token.reveal() == ' a "quoted" token of ours '


@pytest.mark.parametrize("name", ["OVERMIND_DATA_DIR", "OVERMIND_LOGS_DIR"])
@pytest.mark.parametrize("path", ['da"ta', "/srv/o'clock/desk", "desk\u201d/data", "./`desk`/x"])
def test_a_folder_whose_name_holds_a_quote_is_refused(path: str, name: str, desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(**{name: path})
    assert (problem.where, problem.problem.startswith("the path holds U+")) == (name, True)


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> DeskOnDisk:
    return DeskOnDisk(tmp_path_factory.mktemp("desk"))


@given(
    st.sampled_from([variable.name for variable in VARIABLES]),
    st.text(st.characters(exclude_categories=[]))
    | st.text(" \"'#\r\n\t\u00a0\u200b\ufeff\u202e\x1b.,:0159truefalse/~"),
)
def test_any_text_of_any_variable_is_read_or_refused_in_print(shared: DeskOnDisk, name: str, text: str) -> None:
    for live in ({}, {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "localnet"}):
        for problem in shared.problems(**{**live, name: text}):
            assert (problem.where + problem.problem + problem.fix).isprintable()


def test_a_dotenv_file_with_a_mark_and_carriage_returns(desk: DeskOnDisk) -> None:
    lines = [b"\xef\xbb\xbfOVERMIND_DATA_DIR=desk", b"OVERMIND_LOGS_DIR='logs of it'", b"SNIPER_SERVER_PORT=81\xc2\xa0"]
    config = desk.load(desk.write("dotenv", b"\r\n".join(lines)))
    assert (config.data_dir, config.logs_dir, config.server_port) == (Path("desk"), Path("logs of it"), 81)


def test_files_name_what_is_wrong_with_their_text(desk: DeskOnDisk) -> None:
    content = '{"wallet_id":\u00a0"w"}'
    for octets, said in (
        (content.encode("utf-16"), "the file is UTF-16"),
        (content.encode(), "line 1, column 14: U+00A0 NO-BREAK SPACE"),
        ('{\u201cwallet_id\u201d: "w"}'.encode(), "U+201C LEFT DOUBLE QUOTATION MARK"),
    ):
        desk.lines(f"w:{desk.write('w.json', octets)}:primary:medium:0.4")
        (problem,) = desk.problems()
        assert said in problem.problem


@pytest.mark.parametrize(
    ("word", "foreign"),
    [
        ("SOL", None),
        ("WIF2", None),
        ("$WEN.e", None),
        ("\u0421\u041e\u041b", None),
        ("\u5e01\u5b89\u3068\u30ab", None),
        ("caf\u00e9", None),
        ("S\u041eL", "U+041E CYRILLIC CAPITAL LETTER O"),
        ("\u0405OL", "U+004F LATIN CAPITAL LETTER O"),
        ("B\u03a4C", "U+03A4 GREEK CAPITAL LETTER TAU"),
        ("ETH\u0661", "U+0661 ARABIC-INDIC DIGIT ONE"),
    ],
)
def test_letters_of_two_scripts(word: str, foreign: str | None) -> None:
    assert foreign_letter(word) == foreign


def test_trimming_takes_nothing_that_is_seen() -> None:
    assert trimmed("") == ""
    assert trimmed("\r\n\u00a0") == ""
    assert trimmed(" a b\u200b\r") == "a b"
    assert unseen("a b\tc\r\n") is None
    assert all(map(is_blank, (b"", b" \r\n", "\ufeff\r\n".encode(), "\u00a0\u200b \n".encode())))
    assert not any(map(is_blank, (b"{}", "\ufeff{}".encode(), b"\xff\xfe", "\u00e9".encode())))
    assert unseen("a\udce9") == "the byte 0xe9, which is not UTF-8"
