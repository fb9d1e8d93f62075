"""Changes of where a source's answers go, as functions of the sources there are."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import DAY_NS
from overmind.desk.sources.changes import SourceChange
from overmind.desk.sources.source import AnswersKey, Source

ROTATED_NS = DAY_NS  # for how long the key of before signs too
KEYS_MAX = 2


def send_answers(name: str, url: str, after: int) -> SourceChange:
    """Its answers go to this address, from the entry after `after` on. A source without a key gets one by `rotate`."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        return {**sources, name: replace(_known(sources, name), answers_url=url, answers_after=after)}

    return SourceChange("SendAnswers", name, of)


def stop_answers(name: str) -> SourceChange:
    """Its key ends too."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        return {**sources, name: replace(_known(sources, name), answers_url="", answers_keys=(), answers_after=0)}

    return SourceChange("StopAnswers", name, of)


def rotate_answers_key(name: str, key: str, at_ns: int) -> SourceChange:
    """The key of before signs too for a day, so that the target can take the new one at any time."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        known = _known(sources, name)
        before = [AnswersKey(one.key, at_ns + ROTATED_NS) for one in known.answers_keys[: KEYS_MAX - 1]]
        return {**sources, name: replace(known, answers_keys=(AnswersKey(key), *before))}

    return SourceChange("RotateAnswersKey", name, of)


def _known(sources: Mapping[str, Source], name: str) -> Source:
    if name not in sources:
        raise CommandRefused(f"no source {name[:64]!r}: list them first")
    return sources[name]
