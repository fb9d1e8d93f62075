"""Reads small untrusted files: regular files only, bounded, valid UTF-8, JSON without duplicate keys."""

from __future__ import annotations

import codecs
import json
import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from overmind.core.model.numbers import json_number
from overmind.core.model.value import Value
from overmind.text.characters import named

FILE_BYTES_MAX: Final = 256 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class InvalidValue(Value, frozen=True):
    """Why a text was not accepted, and how to fix it. The caller adds where the text came from."""

    problem: str
    fix: str


class FileText(Value, frozen=True):
    text: str
    open_to_others: bool  # its mode lets others read it

    def __repr__(self) -> str:
        return f"FileText({len(self.text)} characters)"


def read_file(path: Path) -> FileText | InvalidValue:
    """Never blocks (on a pipe, say), and never reads more than the bound."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return InvalidValue("the file does not exist", "create it, or correct the path")
    except (OSError, ValueError) as fault:  # ValueError: a NUL or a character that no file name can hold
        return InvalidValue(
            f"the file cannot be opened ({_reason(fault)})", "correct the path or the file's permissions"
        )
    try:
        return _read_open(descriptor)
    except OSError as fault:
        return InvalidValue(f"the file cannot be read ({_reason(fault)})", "check the disk and the permissions")
    finally:
        os.close(descriptor)


def _read_open(descriptor: int) -> FileText | InvalidValue:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return InvalidValue("not a regular file", "name a file")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        octets = file.read(FILE_BYTES_MAX + 1)
    if len(octets) > FILE_BYTES_MAX:
        return InvalidValue(f"the file is larger than {FILE_BYTES_MAX} bytes", "name the right file; ours are small")
    text = _decode(octets)
    if text is None:
        found = "UTF-16" if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "not valid UTF-8"
        return InvalidValue(f"the file is {found}", "save it as UTF-8 text")
    return FileText(text, bool(status.st_mode & _OTHERS))


def read_json(text: str) -> tuple[object, Sequence[str]] | InvalidValue:
    """The parsed value, and the names that one object has twice (the last one wins).

    Fractions are exact Decimals. NaN, Infinity and absurd numbers pass as BadNumber, so that the check of their field
    refuses them by name.
    """
    doubles: list[str] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(name for name, _ in pairs)
        doubles.extend(name for name, count in counts.items() if count > 1)
        return dict(pairs)

    try:
        parsed: object = json.loads(
            text, parse_float=json_number, parse_constant=json_number, object_pairs_hook=members
        )
    except json.JSONDecodeError as fault:
        letter = fault.doc[fault.pos : fault.pos + 1]
        found = f": {named(letter)}" if letter and not (letter.isascii() and letter.isprintable()) else ""
        return InvalidValue(f"not valid JSON: line {fault.lineno}, column {fault.colno}{found}", "correct it there")
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets thousands deep
        return InvalidValue("not valid JSON: a number or a nesting beyond all bounds", "write plain JSON")
    return parsed, doubles


def _decode(octets: bytes) -> str | None:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _reason(fault: OSError | ValueError) -> str:
    # The exception's text would repeat the path, which may be a key that was pasted there.
    return os.strerror(fault.errno) if isinstance(fault, OSError) and fault.errno else "not a possible file name"
