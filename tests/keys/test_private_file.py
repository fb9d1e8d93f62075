"""Private files: their owner's alone, and whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from overmind.keys.private_file import create_private, write_private


@pytest.mark.parametrize("umask", [0, 0o077, 0o277])
def test_a_private_file_is_its_owners_alone_and_leaves_nothing_beside_it(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "api_token"
    (tmp_path / "api_token.new").write_bytes(b"left by a crash")
    before = os.umask(umask)
    try:
        write_private(path, b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 & ~umask
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_while_a_file_is_replaced_sees_the_old_content_whole(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    write_private(path, b"first")
    with path.open("rb") as reader:
        write_private(path, b"second")
        assert reader.read() == b"first"
    assert path.read_bytes() == b"second"


def test_what_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "api_token").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "api_token", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["api_token"]
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "nowhere" / "api_token", b"content")


def test_a_file_that_must_not_exist_is_never_replaced(tmp_path: Path) -> None:
    create_private(tmp_path / "key", b"first")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("key", "link"):
        with pytest.raises(FileExistsError):
            create_private(tmp_path / name, b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert not (tmp_path / "nowhere").exists()


def test_a_private_file_that_cannot_be_written_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_private(tmp_path / "absent" / "key", b"content")
    assert list(tmp_path.iterdir()) == []
