"""A process that holds a key leaves no core dump."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from overmind.keys.secret_key import SecretKey

ASKED = """
import ctypes
from overmind.keys.secret_key import SecretKey
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
SecretKey.generate()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_its_limit_of_core_dumps_is_zero() -> None:
    SecretKey.generate()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
def test_it_is_dumpable_until_it_holds_a_key() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout == "1 0\n"
