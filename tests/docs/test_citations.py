"""No citation leads nowhere: sections that code and documents cite exist, and so do the files that documents name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
HISTORY: Final = {"CHANGELOG.md"}  # It names files as they were then.
CITED: Final = {"specification": ROOT / "docs" / "specification.md", "solana-facts": ROOT / "docs" / "solana-facts.md"}
CITING: Final = ("src", "tests", "bench", "tools", "docs")
MARK: Final = "\N{SECTION SIGN}"
NUMBER: Final = rf"{MARK}(\d+(?:\.\d+)?)"
# A document and its sections: `specification §4 and §7.3`.
CITATION: Final = re.compile(rf"([\w-]+) ({NUMBER}(?:(?:, | and ){NUMBER})*)")
HEADING: Final = re.compile(r"^## (\d+)\. |^\*\*(\d+\.\d+)\*\* ", re.MULTILINE)
DOCUMENTS: Final = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.name not in HISTORY
)
PATH: Final = re.compile(
    r"`((?:[\w.*-]+/)*[\w*-]+\.(?:py|md|toml|json|jsonl|svg)|(?:[\w-]+/)+)(?::\w+)?`|\]\(([^)#:]+)\)"
)
# What a running desk makes, and examples of an operator's own files.
MADE: Final = (
    "data/",
    "logs/",
    "./",
    "wallets/",
    "app.log",
    "notices.json",
    "telegram.json",
    "bench.json",
    "package.json",
    "backup.json",
)


def sections(document: Path) -> set[str]:
    return {found[1] or found[2] for found in HEADING.finditer(document.read_text(encoding="utf-8"))}


def sources() -> Iterator[Path]:
    for folder in CITING:
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md"))
    yield from (path for path in ROOT.glob("*.md") if path.name not in HISTORY)


def dangling(text: str, own: str | None) -> Iterator[str]:
    """Each section sign must belong to a citation of a section that exists; a document cites its own without a name."""
    left = text
    for found in CITATION.finditer(text):
        document = CITED.get(found[1])
        if document is not None:
            left = left.replace(found[0], "", 1)
            for number in re.findall(NUMBER, found[2]):
                if number not in sections(document):
                    yield f"{found[1]} has no section {number}"
    for number in re.findall(NUMBER, left):
        if own is None or number not in sections(CITED[own]):
            yield f"section {number} of which document?"


@pytest.mark.parametrize("name", CITED)
def test_the_sections_are_numbered_without_gaps(name: str) -> None:
    numbers = sorted(tuple(map(int, one.split("."))) for one in sections(CITED[name]))
    for one in numbers:
        before = (*one[:-1], one[-1] - 1)
        assert one[-1] == 1 or before in numbers, f"{one} follows nothing"
    assert len(numbers) > 10


def test_no_citation_dangles() -> None:
    named = {document: name for name, document in CITED.items()}
    found = {
        f"{path.relative_to(ROOT)}: {problem}"
        for path in sources()
        if MARK in (text := path.read_text(encoding="utf-8"))
        for problem in dangling(text, named.get(path))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"as specification {MARK}7.8 says", []),
        (f"specification {MARK}4 and {MARK}7.3", []),
        (f"specification {MARK}99", ["specification has no section 99"]),
        (f"specification {MARK}4, {MARK}7.99", ["specification has no section 7.99"]),
        (f"handbook {MARK}8", ["section 8 of which document?"]),
        (f"{MARK}8 alone", ["section 8 of which document?"]),
    ],
)
def test_a_dangling_citation_is_found(text: str, problems: list[str]) -> None:
    assert list(dangling(text, None)) == problems


def missing_files(document: Path) -> list[str]:
    """Paths are of the repository, of `src/overmind`, or of the document's own folder."""
    text = document.read_text(encoding="utf-8")
    named = {found[1] or found[2] for found in PATH.finditer(text)}
    homes = (ROOT, ROOT / "src" / "overmind", document.parent)
    return sorted(
        name for name in named if not name.startswith(MADE) and not any(next(home.glob(name), None) for home in homes)
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert missing_files(document) == []


def test_code_names_no_document_that_is_not_there() -> None:
    named = {
        (str(path.relative_to(ROOT)), found)
        for path in sources()
        if path.suffix == ".py" and path != Path(__file__)
        for found in re.findall(r"docs/[\w/-]+\.(?:md|svg)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert sorted(one for one in named if not (ROOT / one[1]).exists()) == []
