"""Says who has trained on whose test: python data_tools/overlap.py recipes/hotel.yaml (as `lingyu data overlap`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.overlap import overlap

if __name__ == "__main__":
    sys.exit(run(overlap, "overlap.py"))
