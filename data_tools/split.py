"""Splits labelled rows: python data_tools/split.py data/hotel.csv --out data/hotel (as `lingyu data split`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.split import split

if __name__ == "__main__":
    sys.exit(run(split, "split.py"))
