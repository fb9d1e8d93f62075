"""Where the segments of a journal lie: in a folder beside it, or in folders that they were archived to."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from overmind.core.model.value import Value
from overmind.journal.errors import SegmentUnusable
from overmind.journal.place import FOLDER_MODE, make_folder_private
from overmind.journal.segments.sealed import Sealed
from overmind.keys.private_file import write_private

if TYPE_CHECKING:
    from overmind.journal.segments.segment import SegmentFile

FOLDER: Final = "segments"
ARCHIVE: Final = "archive.json"
OPEN_MAX: Final = 4  # segments whose headers are kept
LIST_BYTES_MAX: Final = 2**20


class ArchiveFolders(Value, frozen=True):
    folders: tuple[str, ...] = ()


class Shelf:
    """Constructing it makes and reads nothing."""

    def __init__(self, journal: Path) -> None:
        self.folder = journal.with_name(FOLDER)
        self._opened: OrderedDict[bytes, SegmentFile] = OrderedDict()

    def prepare(self) -> None:
        """Makes the folder, for the desk's own user only. Raises OSError, JournalUnusable."""
        self.folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        make_folder_private(self.folder)

    def archives(self) -> tuple[Path, ...]:
        """The folders that segments were archived to. Raises SegmentUnusable when their list cannot be read."""
        path = self.folder / ARCHIVE
        try:
            raw = path.read_bytes()
            return tuple(map(Path, msgspec.json.decode(raw, type=ArchiveFolders).folders))
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise SegmentUnusable(
                path, f"the list of archives cannot be read ({error})", "Delete it, and archive again."
            ) from error

    def remember(self, archive: Path) -> None:
        """Durable on return. Raises OSError, SegmentUnusable."""
        known = self.archives()
        if archive not in known:
            listed = ArchiveFolders(tuple(map(str, (*known, archive))))
            write_private(self.folder / ARCHIVE, msgspec.json.encode(listed) + b"\n")

    def path_of(self, name: str) -> Path:
        """Where a segment lies. Raises SegmentUnusable when it is missing."""
        places = (self.folder, *self.archives())
        for place in places:
            if (place / name).exists():
                return place / name
        where = " or ".join(str(place) for place in places)
        fix = "Mount the archive that holds it, or put it back from a backup."
        raise SegmentUnusable(self.folder / name, f"it is missing: it is not in {where}", fix)

    def open(self, sealed: Sealed) -> SegmentFile:
        """The segment that the journal lists. Raises SegmentUnusable when it is missing, or is another one."""
        known = self._opened.get(sealed.digest)
        if known is not None and known.path.exists():  # It may have been archived since.
            self._opened.move_to_end(sealed.digest)
            return known
        from overmind.journal.segments.segment import SegmentFile, name_of

        path = self.path_of(name_of(sealed.first, sealed.last))
        found = SegmentFile(path)
        if found.header.genesis != sealed.genesis.hex():
            raise SegmentUnusable(path, "it belongs to the journal of another desk")
        if found.digest != sealed.digest:
            raise SegmentUnusable(path, "it is not the file that the journal lists: it was changed or swapped")
        self._opened[sealed.digest] = found
        if len(self._opened) > OPEN_MAX:
            self._opened.popitem(last=False)
        return found
