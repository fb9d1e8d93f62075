"""What a terminal is shown, and that nothing writes to it past the one place that escapes (specification §11)."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from overmind.text.printable import json_bytes, printable

SOURCE = Path(__file__).parents[2] / "src" / "overmind"
WRITERS = {  # who may write to a terminal, and escapes what it writes
    "cli/console.py",
    "cli/present.py",
    "cli/watch/redraw.py",
    "cli/__init__.py",  # the version, and the list of commands
    "desk/log/output.py",  # that the log cannot be written
    "journal/bars/replay_process.py",  # likewise
    "journal/segments/keeper_process.py",  # into the pipe of the desk that started it
    "sandbox/localnet/__main__.py",
    "sandbox/selftest/__init__.py",
}
ENCODERS = {  # who may encode JSON that no terminal shows: requests and files
    "cli/founding/write.py",
    "cli/keys.py",
    "cli/remote.py",
    "cli/venue.py",
    "http/access/records.py",
    "http/files.py",
    "http/reference/told.py",  # a document and a page
    "http/pages/ticks.py",  # two numbers, for our own script
}

CONTROLS = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200b\u200e\u200f\u2028\u2029\ufeff\u00ad"]
BIDIRECTIONAL = [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]


def test_every_control_character_is_escaped() -> None:
    for letter in (*CONTROLS, *BIDIRECTIONAL, "\udce9", "\U000e0001"):
        shown = printable(f"a{letter}b")
        assert shown.isprintable()
        assert shown.startswith("a\\")
        assert shown.endswith("b")
    assert printable("\x1b[31mred\n") == "\\x1b[31mred\\n"
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_what_is_seen_stays() -> None:
    for text in ("", "SOL 12.5 %", "caf\u00e9", "\u5e01\u5b89", "\U0001f680 to the moon", "a\\x1b"):
        assert printable(text) == text


@given(st.text(), st.text())
def test_json_is_printable_and_says_the_same(name: str, value: str) -> None:
    whole = {name: [value, 1, None]}
    encoded = json_bytes(whole)
    assert encoded.decode().isprintable()
    assert json.loads(encoded) == whole
    assert msgspec.json.decode(encoded) == whole


def test_only_one_place_writes_to_a_terminal() -> None:
    found = set[str]()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("print" | "Console")):
                    found.add(path.relative_to(SOURCE).as_posix())
                case ast.Call(func=ast.Attribute(ast.Name("typer" | "click"), "echo" | "secho")):
                    found.add(path.relative_to(SOURCE).as_posix())
                case ast.Call(func=ast.Attribute(ast.Attribute(ast.Name("sys"), "stdout" | "stderr"), "write")):
                    found.add(path.relative_to(SOURCE).as_posix())
                case _:
                    pass
    assert found | {"cli/present.py"} == WRITERS


def test_the_service_and_the_command_encode_json_in_one_place() -> None:
    found = set[str]()
    for room in ("http", "cli"):
        for path in (SOURCE / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "json.encode(" in text or "json.dumps(" in text:
                found.add(path.relative_to(SOURCE).as_posix())
    assert found == ENCODERS
