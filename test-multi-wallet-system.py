#!/usr/bin/env python3
"""The nineteen tests of the multi-wallet system: python3 test-multi-wallet-system.py [--json]"""

import os
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parent / ".venv" / "bin" / "python"


def main() -> int:
    if PYTHON.exists() and Path(sys.prefix).resolve() != PYTHON.parent.parent.resolve():
        os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])
    try:
        from overmind.sandbox.selftest import main as selftest
    except ImportError:  # Also what an older Python raises.
        print("overmind is not installed here: run `make` first", file=sys.stderr)
        return 2
    return selftest()


if __name__ == "__main__":
    sys.exit(main())
