"""Takes the texts of a table through named steps: python data_tools/clean.py reviews.csv --out data/reviews.csv."""

import sys

from lingyu.cli import run
from lingyu.cli.data.cleaning import clean

if __name__ == "__main__":
    sys.exit(run(clean, "clean.py"))
