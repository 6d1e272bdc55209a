"""Audits labelled rows: python data_tools/audit.py --train a.tsv --test c.tsv (the same as `lingyu data audit`)."""

import sys

from lingyu.cli import run
from lingyu.cli.data.audit import audit

if __name__ == "__main__":
    sys.exit(run(audit, "audit.py"))
