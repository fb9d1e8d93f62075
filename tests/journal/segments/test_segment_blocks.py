"""Readers that take turns unpack each block once, as when ids of long ago are sent again by several clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.sealing import traded

from overmind.core.books.state import State, encode_state
from overmind.journal.chain import GENESIS, encode
from overmind.journal.segments import segment as segments
from overmind.journal.segments.segment import BLOCKS_KEPT, Line, SegmentFile, write_segment


class Counting(SegmentFile):
    """Counts the blocks that are unpacked."""

    unpacked = 0

    def _read_lines(self, number: int) -> list[Line]:
        self.unpacked += 1
        return super()._read_lines(number)


@pytest.fixture
def segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    monkeypatch.setattr(segments, "BLOCK_ENTRIES", 10)
    entries = traded(100)[:100]
    stored = [(entry.at_ns, encode(entry.event)) for entry in entries]
    return Counting(write_segment(tmp_path, bytes(32), GENESIS, stored, encode_state(State())))


def test_a_few_blocks_are_kept(segment: Counting) -> None:
    for _ in range(5):
        for block in range(BLOCKS_KEPT):
            seq = 10 * block + 3
            assert next(segment.entries(seq - 1)).seq == seq
    assert segment.unpacked == BLOCKS_KEPT


def test_the_block_that_was_read_longest_ago_is_dropped(segment: Counting) -> None:
    for block in [*range(BLOCKS_KEPT), 0, BLOCKS_KEPT, 0]:
        next(segment.entries(10 * block))
    assert segment.unpacked == BLOCKS_KEPT + 1
    next(segment.entries(10))
    assert segment.unpacked == BLOCKS_KEPT + 2
