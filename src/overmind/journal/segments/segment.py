"""A sealed segment: one file of consecutive entries, compressed, that can be read and verified without its journal.

    magic, length of the header, header, digest of the header, dictionary, blocks, the state after the last entry

The header names the journal by the hash of its first entry, and says between which hashes the segment lies. Each block
says the hash of the entry before it, so one entry is found and verified by reading one block.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from overmind.core.model.events import Entry, Event
from overmind.core.model.value import Value
from overmind.journal.chain import JournalTip, decode, encode, link_of
from overmind.journal.errors import SegmentUnusable
from overmind.journal.place import FILE_MODE
from overmind.ports import Snapshot

MAGIC: Final = b"OVMDSEG\n"
FORMAT: Final = 1
BLOCK_ENTRIES: Final = 500
BLOCKS_KEPT: Final = 4  # unpacked, of each open segment: some 400 KB each
LEVEL: Final = 15  # Higher ones take twice as long for a hundredth less.
DICTIONARY_BYTES: Final = 64 * 1024
SAMPLES_MAX: Final = 4_000
HEADER_BYTES_MAX: Final = 64 * 2**20
BLOCK_BYTES_MAX: Final = 2**28
STATE_BYTES_MAX: Final = 2**31
PARTIAL: Final = ".partial"
_LENGTH: Final = struct.Struct(">I")
_DIGEST_BYTES: Final = 32

Stored = tuple[int, bytes]  # at_ns and event, as the journal holds them
Line = tuple[int, int, bytes, bytes]  # seq, at_ns, event, hash


class Part(Value, frozen=True, array_like=True):
    """Where something lies after the header."""

    start: int
    length: int


class Block(Value, frozen=True, array_like=True):
    before: int  # number, time and hash of the entry before its first one
    before_ns: int
    before_hash: str
    part: Part


class Header(Value, frozen=True):
    genesis: str  # the hash of the journal's first entry
    first: int
    last: int
    before_ns: int  # time and hash of the entry before the first one
    before_hash: str
    at_ns: int  # time and hash of the last entry
    hash: str
    state_hash: str
    dictionary: Part
    dictionary_hash: str
    state: Part
    blocks: tuple[Block, ...]
    format: int = FORMAT

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def name(self) -> str:
        return name_of(self.first, self.last)

    @property
    def tip_before(self) -> JournalTip:
        return JournalTip(self.first - 1, self.before_ns, bytes.fromhex(self.before_hash))

    @property
    def tip(self) -> JournalTip:
        return JournalTip(self.last, self.at_ns, bytes.fromhex(self.hash))


class _Format(msgspec.Struct):
    format: int


def name_of(first: int, last: int) -> str:
    return f"{first:012}-{last:012}.seg"


def write_segment(folder: Path, genesis: bytes, before: JournalTip, stored: Sequence[Stored], state: bytes) -> Path:
    """Writes the entries that follow `before`, and the state that they lead to. Durable and read back on return.

    Events are taken as they are stored: an old one that is encoded anew may get fields that its hash does not cover. A
    crash leaves no file of that name, only a partial one, which the next try replaces. Raises OSError.
    """
    packed = _Packed(before, stored)
    header = packed.header(genesis, state)
    path = folder / header.name
    partial = path.with_name(path.name + PARTIAL)
    try:
        _write_durably(partial, [*_framed(encode(header)), *packed.parts])
        SegmentFile(partial).verify()
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    sync_folder(folder)
    return path


class _Packed:
    """Compressed blocks. The dictionary is trained with events of the same segment."""

    def __init__(self, before: JournalTip, stored: Sequence[Stored]) -> None:
        assert stored, "a segment without entries"
        dictionary = _dictionary([event for _, event in stored])
        self._compress = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary).compress
        self.parts = [dictionary.as_bytes()]
        self._before, self._tip, self._blocks = before, before, list[Block]()
        for start in range(0, len(stored), BLOCK_ENTRIES):
            self._add(stored[start : start + BLOCK_ENTRIES])

    def header(self, genesis: bytes, state: bytes) -> Header:
        """Closes the segment with the state after its last entry."""
        before, tip = self._before, self._tip
        return Header(
            genesis=genesis.hex(),
            first=before.seq + 1,
            last=tip.seq,
            before_ns=before.at_ns,
            before_hash=before.hash.hex(),
            at_ns=tip.at_ns,
            hash=tip.hash.hex(),
            state_hash=hashlib.sha256(state).hexdigest(),
            dictionary=Part(0, len(self.parts[0])),
            dictionary_hash=hashlib.sha256(self.parts[0]).hexdigest(),
            state=self._place(self._compress(state)),
            blocks=tuple(self._blocks),
        )

    def _add(self, lines: Sequence[Stored]) -> None:
        before = self._tip
        steps, at_ns, link = [], before.at_ns, before.hash
        for seq, (now_ns, event) in enumerate(lines, before.seq + 1):
            steps.append(now_ns - at_ns)
            at_ns, link = now_ns, link_of(link, seq, now_ns, event)
        self._tip = JournalTip(before.seq + len(lines), at_ns, link)
        # JSON holds no line break of its own, so one separates the events.
        packed = struct.pack(f">I{len(steps)}q", len(steps), *steps) + b"\n".join(event for _, event in lines)
        part = self._place(self._compress(packed))
        self._blocks.append(Block(before.seq, before.at_ns, before.hash.hex(), part))

    def _place(self, packed: bytes) -> Part:
        start = sum(map(len, self.parts))
        self.parts.append(packed)
        return Part(start, len(packed))


class SegmentFile:
    """A segment on disk. Whatever it returns was verified against the hashes of its header."""

    def __init__(self, path: Path) -> None:
        """Reads the header. Raises SegmentUnusable."""
        self.path = path
        with self._reading(), path.open("rb") as file:
            head = file.read(len(MAGIC) + _LENGTH.size)
            if head[: len(MAGIC)] != MAGIC:
                raise SegmentUnusable(path, "it is not a segment")
            (length,) = _LENGTH.unpack(head[len(MAGIC) :])
            if length > HEADER_BYTES_MAX:
                raise SegmentUnusable(path, "its header was changed")
            raw, digest = file.read(length), file.read(_DIGEST_BYTES)
            size = os.fstat(file.fileno()).st_size
        if hashlib.sha256(raw).digest() != digest:
            raise SegmentUnusable(path, "its header was changed, or it was cut off")
        self.digest = digest
        self.header = self._decoded(raw)
        self._body = len(head) + length + _DIGEST_BYTES
        if size != self._body + self.header.state.start + self.header.state.length:
            raise SegmentUnusable(path, "it was cut off, or something was added at its end")
        self._unpack: zstandard.ZstdDecompressor | None = None
        self._blocks = OrderedDict[int, list[Line]]()  # the newest that were read

    def entries(self, after: int) -> Iterator[Entry]:
        """Its entries with a higher number."""
        for number in range(self._number_of(after + 1), len(self.header.blocks)):
            for seq, at_ns, event, _ in self.lines(number):
                if seq > after:
                    yield Entry(seq, at_ns, self._event(seq, event))

    def tip_at(self, seq: int) -> JournalTip:
        """Of the entry before its first one, or of one of its own."""
        if seq == self.header.first - 1:
            return self.header.tip_before
        block = self.lines(self._number_of(seq))
        found = block[seq - block[0][0]]
        return JournalTip(found[0], found[1], found[3])

    def state(self) -> Snapshot:
        raw = self._unpacked(self.header.state, STATE_BYTES_MAX)
        if hashlib.sha256(raw).hexdigest() != self.header.state_hash:
            raise SegmentUnusable(self.path, "its state was changed")
        return Snapshot(self.header.last, raw)

    def verify(self) -> None:
        """Reads all of it. Raises SegmentUnusable."""
        for _ in self.entries(self.header.first - 1):
            pass
        self.state()

    def lines(self, number: int) -> list[Line]:
        """The entries of one block, with their hashes. A few are kept: several readers ask for neighbours in turn."""
        if (known := self._blocks.get(number)) is not None:
            self._blocks.move_to_end(number)
            return known
        found = self._blocks[number] = self._read_lines(number)
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return found

    def _read_lines(self, number: int) -> list[Line]:
        blocks = self.header.blocks
        block = blocks[number]
        end = blocks[number + 1].before_hash if number + 1 < len(blocks) else self.header.hash
        raw = self._unpacked(block.part, BLOCK_BYTES_MAX)
        lines, at_ns, link = list[Line](), block.before_ns, bytes.fromhex(block.before_hash)
        try:
            (count,) = _LENGTH.unpack_from(raw)
            steps = struct.unpack_from(f">{count}q", raw, _LENGTH.size)
            events = raw[_LENGTH.size + 8 * count :].split(b"\n")
            for seq, (step, event) in enumerate(zip(steps, events, strict=True), block.before + 1):
                at_ns += step
                link = link_of(link, seq, at_ns, event)
                lines.append((seq, at_ns, event, link))
        except (struct.error, ValueError) as error:
            raise self._changed(block) from error
        if link.hex() != end:
            raise self._changed(block)
        return lines

    def _number_of(self, seq: int) -> int:
        """Of the block that has this entry."""
        return max(0, bisect_left(self.header.blocks, seq, key=lambda block: block.before) - 1)

    def _event(self, seq: int, event: bytes) -> Event:
        try:
            return decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            fix = "Upgrade Overmind if a newer one wrote it."
            raise SegmentUnusable(
                self.path, f"this version cannot read the event of entry {seq} ({error})", fix
            ) from error

    def _unpacked(self, part: Part, bytes_max: int) -> bytes:
        with self._reading():
            packed = self._read(part)
            if self._unpack is None:
                self._unpack = zstandard.ZstdDecompressor(dict_data=self._dictionary())
            if not 0 <= zstandard.frame_content_size(packed) <= bytes_max:
                raise SegmentUnusable(self.path, "a part of it was changed")
            return self._unpack.decompress(packed)

    def _dictionary(self) -> zstandard.ZstdCompressionDict:
        raw = self._read(self.header.dictionary)
        if hashlib.sha256(raw).hexdigest() != self.header.dictionary_hash:
            raise SegmentUnusable(self.path, "its dictionary was changed")
        return zstandard.ZstdCompressionDict(raw)

    def _read(self, part: Part) -> bytes:
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), part.length, self._body + part.start)

    def _changed(self, block: Block) -> SegmentUnusable:
        return SegmentUnusable(self.path, f"entries from {block.before + 1} on were changed")

    def _decoded(self, raw: bytes) -> Header:
        try:
            if (found := msgspec.json.decode(raw, type=_Format).format) > FORMAT:
                newer = f"written in format {found} by a newer Overmind; this one reads up to {FORMAT}"
                raise SegmentUnusable(self.path, newer, "Upgrade it.")
            return msgspec.json.decode(raw, type=Header)
        except msgspec.DecodeError as error:
            raise SegmentUnusable(self.path, f"its header cannot be read ({error})") from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SegmentUnusable(self.path, f"cannot be read ({error.strerror})") from error
        except (zstandard.ZstdError, struct.error) as error:
            raise SegmentUnusable(self.path, f"it was changed or cut off ({error})") from error


def _dictionary(events: Sequence[bytes]) -> zstandard.ZstdCompressionDict:
    """Empty where there is too little to train one with."""
    samples = events[:: max(1, len(events) // SAMPLES_MAX)]
    if sum(map(len, samples)) < 8 * DICTIONARY_BYTES:
        return zstandard.ZstdCompressionDict(b"")
    return zstandard.train_dictionary(DICTIONARY_BYTES, list(samples))


def _framed(header: bytes) -> list[bytes]:
    return [MAGIC, _LENGTH.pack(len(header)), header, hashlib.sha256(header).digest()]


def _write_durably(path: Path, parts: Iterable[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """A new name lasts once its folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
