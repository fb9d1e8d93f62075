"""One live desk for each key and cluster on a machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from overmind.journal.errors import JournalLocked, JournalUnusable
from overmind.journal.key_locks import KeyLocks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@contextlib.contextmanager
def holding(folder: Path, genesis_hash: str, *public_keys: str) -> Iterator[None]:
    locks = KeyLocks(folder, genesis_hash)
    for public_key in public_keys:
        locks.take(public_key)
    yield
    locks.release()


def test_a_second_desk_with_the_same_key_is_refused_and_told_who_has_it(folder: Path) -> None:
    with (
        holding(folder, "genesis", "key1", "key2"),
        pytest.raises(JournalLocked, match=f"process {os.getpid()} trades live with the key key2"),
    ):
        KeyLocks(folder, "genesis").take("key2")
    KeyLocks(folder, "genesis").take("key2")


def test_other_keys_and_other_clusters_are_free(folder: Path) -> None:
    with holding(folder, "genesis", "key1"), holding(folder, "other", "key1"), holding(folder, "genesis", "key2"):
        pass


def test_desks_of_other_users_share_the_folder(folder: Path) -> None:
    with holding(folder, "genesis", "key1"):
        assert folder.stat().st_mode & 0o7777 == 0o1777
        assert next(folder.iterdir()).stat().st_mode & 0o444 == 0o444


def test_a_folder_that_cannot_be_used_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path / "file", tmp_path / "link", tmp_path / "absent" / "locks"):
        with pytest.raises(JournalUnusable, match="OVERMIND_LOCK_DIR"):
            KeyLocks(folder, "genesis")


def test_a_symlink_in_place_of_a_lock_is_refused(folder: Path, tmp_path: Path) -> None:
    locks = KeyLocks(folder, "genesis")
    (folder / "genesis-key1.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnusable):
        locks.take("key1")
    assert not (tmp_path / "elsewhere").exists()
