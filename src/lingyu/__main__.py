"""`python -m lingyu` is the command `lingyu`."""

import sys

from lingyu.cli import main

sys.exit(main())
