"""The two tiers. `make test` runs the quick one; `pytest --soak` runs what it leaves out, and longer properties."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import settings
from tests.support.effort import NOTE, QUICK, SOAK

LEFT_OUT: Final = pytest.StashKey[list[str]]()

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
    config.stash[LEFT_OUT] = [one.path.name for one in items if _is_long(one) and one not in kept]
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
    if config.getoption("--soak"):
        terminalreporter.write_line("the rest of the quick tier was left out: `make test` runs it")
    elif left := config.stash.get(LEFT_OUT, []):
        files = ", ".join(sorted(set(left)))
        terminalreporter.write_line(f"{len(left)} long tests were left out: `make soak` runs them ({files})")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what it left out: only workers collect."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[NOTE] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """All workers collect the same. One that crashed tells nothing."""
    told = getattr(node, "workeroutput", {})
    if NOTE in told:
        node.config.stash[LEFT_OUT] = told[NOTE]


def _notes(report: pytest.TestReport) -> list[object]:
    return [value for name, value in report.user_properties if name == NOTE and report.when == "call"]
