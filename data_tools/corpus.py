"""Builds a masked-LM corpus: python data_tools/corpus.py raw --out data/corpus/hotel (as `lingyu data corpus`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.corpus import corpus

if __name__ == "__main__":
    sys.exit(run(corpus, "corpus.py"))
