"""Imports rows: python data_tools/import.py reviews.xlsx --out data/reviews.csv (the same as `lingyu data import`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.importing import import_

if __name__ == "__main__":
    sys.exit(run(import_, "import.py"))
