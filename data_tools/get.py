"""Prepares a known public set: python data_tools/get.py hotel --from ../corpora (the same as `lingyu data get`)."""

import sys

from lingyu.cli.data import get
from lingyu.errors import exit_status, wants_json

if __name__ == "__main__":
    sys.exit(exit_status(lambda: get.main(standalone_mode=False), as_json=wants_json(sys.argv)))
