"""Tables that a command wrote, as a test looks at them."""

import csv
from pathlib import Path


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
