"""Names that JSON gives twice, and who may read JSON at all (specification §13.4)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overmind.text.json_names import repeated_name

SOURCE = Path(__file__).parents[2] / "src" / "overmind"
DECODES = re.compile(r"json\.(decode|loads|load|Decoder)\(")
READERS = {
    "backtest/history.py": "our own journal",
    "cli/localnet.py": "looks for repeated names",
    "cli/remote.py": "answers of our own service",
    "config/files.py": "looks for repeated names",
    "config/token_list.py": "the shipped list",
    "core/books/migration.py": "our own snapshots",
    "core/books/state.py": "our own snapshots",
    "desk/watches/clock_reference.py": "our own file",
    "desk/keeper.py": "our own process",
    "desk/log/file.py": "our own log",
    "desk/answers/progress.py": "our own file",
    "desk/sources/store.py": "our own file",
    "prices/rows.py": "rows of a list have no names",
    "http/access/records.py": "our own files",
    "http/commands/bodies.py": "looks for repeated names",
    "http/files.py": "our own file",
    "http/arrays.py": "parts an array; each signal is looked at",
    "http/pages/records/exports.py": "our own answer",
    "http/pages/records/signals.py": "our own answer",
    "http/reference/openapi.py": "our own examples",
    "journal/anchor.py": "our own file",
    "journal/backup/manifest.py": "our own file",
    "journal/backup/restoring.py": "our own file",
    "journal/chain.py": "our own journal",
    "journal/segments/segment.py": "our own journal",
    "journal/segments/shelf.py": "our own file",
    "notices/memory.py": "our own file",
    "notices/telegram/offset.py": "our own file",
    "notices/telegram/wire.py": "answers of Telegram's server",
    "keys/secret_key.py": "an array of numbers, which has no names",
    "signals/validation.py": "looks for repeated names",
    "solana/jupiter_api.py": "answers of the swap server",
    "solana/settlement.py": "answers of the chain",
    "solana/wire.py": "answers of the chain",
    "sweep/executor.py": "our own processes",
    "sweep/results.py": "our own files",
    "text/json_names.py": "looks for repeated names",
    "venues/paper.py": "our own journal",
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{}", None),
        ("[]", None),
        ('{"a": 1, "b": {"a": 1}}', None),
        ('[{"a": 1}, {"a": 1}]', None),
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 2}', "a"),
        ('{"b": [{"c": {"a": null, "x": 1, "a": true}}]}', "a"),
        ('{"": 1, "": 2}', ""),
        ('{"a": 1e999999999, "a": 2}', "a"),
        (f'{{"a": {"9" * 5_000}, "b": NaN}}', None),
    ],
)
def test_the_first_name_that_stands_twice(text: str, name: str | None) -> None:
    assert repeated_name(text) == repeated_name(text.encode()) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, min_size=1, max_size=4), st.data())
def test_a_repeated_name_is_found_anywhere(whole: dict[str, object], data: st.DataObject) -> None:
    assert repeated_name(json.dumps(whole)) is None
    again = data.draw(st.sampled_from(sorted(whole)))
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in whole.items()]
    members.insert(data.draw(st.integers(0, len(members))), f"{json.dumps(again)}: 5")
    for text in (f"{{{', '.join(members)}}}", f'[1, {{"outer": {{{", ".join(members)}}}}}]'):
        assert repeated_name(text) == again


def test_whoever_reads_json_from_outside_looks_for_them() -> None:
    found = {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    readers = {name for name, text in found.items() if DECODES.search(text) and not name.startswith("sandbox/")}
    assert readers == set(READERS), "a new reader looks for repeated names, or says here why it need not"
    for name, why in READERS.items():
        if why == "looks for repeated names":
            assert re.search(r"repeated_name\(|object_pairs_hook", found[name]), name
