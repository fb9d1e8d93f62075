"""`python -m overmind.sandbox.selftest`"""

import sys

from overmind.sandbox.selftest import main

sys.exit(main())
