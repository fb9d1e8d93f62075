"""Variables that look like ours and are not: a misspelt limit would have no effect, and nobody would know."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from rapidfuzz.distance import OSA

from overmind.config.environment import Environment, Origin
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.variables.table import GUARDS, VARIABLES

PREFIXES: Final = ("OVERMIND_", "SNIPER_")
SLIPS_MAX: Final = 3  # in a whole name, and fewer in a short one
PREFIX_SLIPS_MAX: Final = 2
LETTERS_PER_SLIP: Final = 6
LIKENESS: Final = 0.75  # of what follows a prefix that is nearly ours
LIKENESS_OF_OURS: Final = 0.6  # of what follows our own prefix: the name can mean nobody else
_KNOWN: Final = tuple(variable.name for variable in VARIABLES)


def check_names(environment: Environment, key_variables: Iterable[str], live: bool, findings: Findings) -> None:
    """A misspelt variable that guards money is an error live. All else that we do not know is a warning."""
    keys = frozenset(key_variables)
    for name in sorted(environment.names()):
        if name in _KNOWN or name in keys:
            continue
        meant = meant_by(name) or _without_prefix(name, environment)
        if meant is None and not name.startswith(PREFIXES):
            continue
        tell = findings.refuse if live and meant in GUARDS else findings.warn
        fix = "take it out" if meant is None else f"did you mean {meant}?"
        tell(f"{environment.origin(name)}: {shown(name)}", "not a variable of ours; it has no effect", fix)
    for where, name in environment.repeated:
        tell = findings.refuse if live and name in GUARDS else findings.warn
        tell(where, f"{shown(name)} is set a second time; this one holds", "keep one of them")


def meant_by(name: str) -> str | None:
    """The variable that this is a misspelling of: by slips, by its prefix, or by the order of its words."""
    plain = _plain(name)
    slips = {known: OSA.distance(plain, known, score_cutoff=SLIPS_MAX) for known in _KNOWN}
    near = min(_KNOWN, key=slips.__getitem__)
    if slips[near] <= min(SLIPS_MAX, len(near) // LETTERS_PER_SLIP):
        return near
    head, _, rest = plain.partition("_")
    if not rest or not _is_prefix(head):
        return None
    rests = {known.partition("_")[2]: known for known in _KNOWN}
    by_words = {"_".join(sorted(one.split("_"))): known for one, known in rests.items()}
    if rest in rests:
        return rests[rest]
    if (swapped := "_".join(sorted(rest.split("_")))) in by_words:
        return by_words[swapped]
    likeness = LIKENESS_OF_OURS if plain.startswith(PREFIXES) else LIKENESS
    found = difflib.get_close_matches(rest, rests, n=1, cutoff=likeness)
    return rests[found[0]] if found else None


def _without_prefix(name: str, environment: Environment) -> str | None:
    """A line of our own file that lacks the prefix. In the process, such a name may belong to another program."""
    if environment.origin(name) is not Origin.FILE:
        return None
    plain = _plain(name)
    return next((prefix + plain for prefix in PREFIXES if prefix + plain in GUARDS), None)


def _is_prefix(head: str) -> bool:
    ours = (prefix.removesuffix("_") for prefix in PREFIXES)
    return any(OSA.distance(head, one, score_cutoff=PREFIX_SLIPS_MAX) <= PREFIX_SLIPS_MAX for one in ours)


def _plain(name: str) -> str:
    """In capitals, of the letters of our names, with _ for whatever parts words. Docker keeps the word `export`."""
    letters = unicodedata.normalize("NFKC", name).upper().removeprefix("EXPORT ")
    seen = "".join(letter for letter in letters if letter.isprintable())
    return re.sub(r"[^0-9A-Z]+", "_", seen).strip("_")
