"""Prepares a known public set: python data_tools/get.py hotel --from ../corpora (the same as `lingyu data get`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.known import get

if __name__ == "__main__":
    sys.exit(run(get, "get.py"))
