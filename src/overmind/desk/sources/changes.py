"""Changes of the sources, as functions of what there is. The command and the service make the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from overmind.core.model.commands import CommandRefused
from overmind.desk.sources.source import ROTATED_NS, Source, SourceSecret, rotated

SOURCES_MAX: Final = 64


class SourceChange(NamedTuple):
    """`of` gives what there is afterwards, by name. It raises CommandRefused."""

    action: str  # as the journal names it
    about: str
    of: Callable[[Mapping[str, Source]], dict[str, Source]]


def add_source(source: Source) -> SourceChange:
    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        if source.name in sources:
            raise CommandRefused(
                f"there is a source {source.name!r} already: take another name, or remove that one first"
            )
        if len(sources) >= SOURCES_MAX:
            raise CommandRefused(f"there are {SOURCES_MAX} sources already: remove one first")
        return {**sources, source.name: source}

    return SourceChange("AddSource", f"{source.name}, {source.kind}", of)


def rotate_source(name: str, secret: SourceSecret, at_ns: int, at: str, grace_ns: int = ROTATED_NS) -> SourceChange:
    """The secret of before stays valid for the grace; without one, it ends at once."""

    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        known = _known(sources, name)
        secrets = rotated(known.secrets, secret, at_ns, grace_ns)
        return {**sources, name: replace(known, secrets=secrets, changed_at=at)}

    return SourceChange("RotateSource", name, of)


def remove_source(name: str) -> SourceChange:
    def of(sources: Mapping[str, Source]) -> dict[str, Source]:
        _known(sources, name)
        return {known: one for known, one in sources.items() if known != name}

    return SourceChange("RemoveSource", name, of)


def _known(sources: Mapping[str, Source], name: str) -> Source:
    if name not in sources:
        raise CommandRefused(f"no source {name[:64]!r}: list them first")
    return sources[name]
