from pathlib import Path

import pytest
from tests.support.desk_on_disk import DeskOnDisk


@pytest.fixture
def desk(tmp_path: Path) -> DeskOnDisk:
    return DeskOnDisk(tmp_path)
