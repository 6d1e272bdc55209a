"""Mends what an audit found: python data_tools/fix.py propose report.json --out fixes.csv (as `lingyu data fix`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.fix import fix

if __name__ == "__main__":
    sys.exit(run(fix, "fix.py"))
