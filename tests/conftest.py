"""The two tiers. `make test` runs the quick one; `pytest --soak` runs what it leaves out, and longer properties."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import settings
from tests.support.effort import NOTE, QUICK, SOAK

settings.register_profile(QUICK, deadline=None, max_examples=30, derandomize=True)
settings.register_profile(SOAK, deadline=None, max_examples=300)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tier: what is marked soak, and all properties")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(SOAK if config.getoption("--soak") else QUICK)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A property belongs to both tiers: to the long one with more examples."""
    long = config.getoption("--soak")
    chosen = [one for one in items if (_is_property(one) or _is_long(one) if long else not _is_long(one))]
    kept = set(chosen)
    config.hook.pytest_deselected(items=[one for one in items if one not in kept])
    items[:] = sorted(chosen, key=_starts_last)


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("soak") is not None


def _is_property(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def _starts_last(item: pytest.Item) -> bool:
    """Whole processes begin first: they take longest, and nobody should wait for them alone at the end."""
    return "e2e" not in item.path.parts


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    said = [value for report in terminalreporter.getreports("passed") for value in _notes(report)]
    for note in said:
        terminalreporter.write_line(note)
    if left := terminalreporter.stats.get("deselected"):
        terminalreporter.write_line(_left_out(left, bool(config.getoption("--soak"))))


def _notes(report: pytest.TestReport) -> list[object]:
    return [value for name, value in report.user_properties if name == NOTE and report.when == "call"]


def _left_out(items: Sequence[pytest.Item], soak: bool) -> str:
    if soak:
        return f"{len(items)} tests of the quick tier were left out: `make test` runs them"
    files = sorted({one.path.name for one in items if _is_long(one)})
    return f"{len(items)} long tests were left out: `make soak` runs them ({', '.join(files)})"
