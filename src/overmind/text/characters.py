"""Characters that nobody sees or means: environments, editors and web pages leave them around what was meant."""

from __future__ import annotations

import unicodedata
from typing import Final

BOM: Final = "\ufeff"
BOM_BYTES: Final = BOM.encode()
QUOTES: Final = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_ZERO_WIDTH: Final = "\u00ad\u200b\u200c\u200d\u2060" + BOM
_PLAIN: Final = " \t\n\r"
_CONTROLS: Final = {"\0": "NULL", "\t": "TABULATOR", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE"}
_SCRIPTLESS: Final = ("DIGIT", "COMBINING", "MODIFIER")  # first words of names that belong to every script
_JAPANESE: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


def trimmed(text: str) -> str:
    """Without blanks at both ends, of whatever width: a carriage return, a no-break space, a byte order mark."""
    while text and (text[0].isspace() or text[0] in _ZERO_WIDTH):
        text = text[1:]
    while text and (text[-1].isspace() or text[-1] in _ZERO_WIDTH):
        text = text[:-1]
    return text


def is_blank(line: bytes) -> bool:
    """Nothing but blanks of any width, and byte order marks of files that were joined."""
    return not line.strip() or (line[:1] >= b"\x80" and not trimmed(line.decode(errors="replace")))


def unseen(text: str) -> str | None:
    """The name of the first character that is not seen; plain blanks and ends of lines are no such characters."""
    return next((named(letter) for letter in text if not letter.isprintable() and letter not in _PLAIN), None)


def quote_around(text: str) -> str | None:
    """The name of a quote with which the text begins or ends."""
    return next((named(letter) for letter in (text[:1], text[-1:]) if letter and letter in QUOTES), None)


def quote_in(text: str) -> str | None:
    return next((named(letter) for letter in text if letter in QUOTES), None)


def named(letter: str) -> str:
    """U+00A0 NO-BREAK SPACE."""
    if "\udc80" <= letter <= "\udcff":  # So Python hands on a byte of the environment that is not UTF-8.
        return f"the byte 0x{ord(letter) - 0xDC00:02x}, which is not UTF-8"
    return f"U+{ord(letter):04X} {_CONTROLS.get(letter) or unicodedata.name(letter, 'CONTROL CHARACTER')}"


def foreign_letter(word: str) -> str | None:
    """The name of the first letter of another script than the first one's. SOL with a Cyrillic O is another token."""
    scripts = [(letter, script) for letter in word if (script := _script(letter)) is not None]
    return next((named(letter) for letter, script in scripts if script != scripts[0][1]), None)


def _script(letter: str) -> str | None:
    if not letter.isalnum() or letter in "0123456789":
        return None
    script = unicodedata.name(letter, "UNNAMED").partition(" ")[0].partition("-")[0]
    if script in _SCRIPTLESS:
        return None
    return "CJK" if script in _JAPANESE else script
