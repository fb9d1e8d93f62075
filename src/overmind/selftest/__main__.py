"""`python -m overmind.selftest`"""

import sys

from overmind.selftest import main

sys.exit(main())
