"""Changes of where a source's answers go, as functions of the sources there are."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import DAY_NS
from overmind.desk.answers.address import origin_of
from overmind.desk.sources.changes import SourceChange
from overmind.desk.sources.source import AnswersKey, Source

ROTATED_NS = DAY_NS  # for how long the key of before signs too
KEYS_MAX = 2


def send_answers(name: str, url: str, key: str, after: int | None, last_seq: int) -> SourceChange:
    """Its answers go to this address.

    `key` signs them, unless the source has one already. They begin after the entry `after`. Without it, a source that
    has answers misses none, and one that had none begins with the journal's next entry.
    """

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        known = _known(sources, name)
        begin = after if after is not None else known.answers_after if known.answers_url else last_seq
        keys = known.answers_keys or (AnswersKey(key),)
        return {**sources, name: replace(known, answers_url=url, answers_keys=keys, answers_after=begin)}

    return SourceChange("SendAnswers", f"{name}, {origin_of(url)}", of)


def stop_answers(name: str) -> SourceChange:
    """Its key ends too."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        known = _with_answers(sources, name)
        return {**sources, name: replace(known, answers_url="", answers_keys=(), answers_after=0)}

    return SourceChange("StopAnswers", name, of)


def rotate_answers_key(name: str, key: str, at_ns: int) -> SourceChange:
    """The key of before signs too for a day, so that the target can take the new one at any time."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        known = _with_answers(sources, name)
        before = [AnswersKey(one.key, at_ns + ROTATED_NS) for one in known.answers_keys[: KEYS_MAX - 1]]
        return {**sources, name: replace(known, answers_keys=(AnswersKey(key), *before))}

    return SourceChange("RotateAnswersKey", name, of)


def _with_answers(sources: Mapping[str, Source], name: str) -> Source:
    known = _known(sources, name)
    if not known.answers_url:
        raise CommandRefused(f"the source {name[:64]!r} has no answers: say first where they go")
    return known


def _known(sources: Mapping[str, Source], name: str) -> Source:
    if name not in sources:
        raise CommandRefused(f"no source {name[:64]!r}: list them first")
    return sources[name]
