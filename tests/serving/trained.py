"""A store with two adapters on one tiny base, trained once for all the tests that only read it."""

import contextlib
import csv
import functools
import io
import os
import random
import shutil
from pathlib import Path

from lingyu.cli.train import main as train_lora
from lingyu.store import Store

from ..e2e.conftest import Workplace, make_workplace

SHOP_LABELS = ("差评", "中评", "好评")


@functools.cache
def trained(base: Path) -> Workplace:
    """hotel@v1 (stable, canary; two labels) and shop@v1 (three, another rank, rsLoRA). Read only; copy_of is not.

    base: the tiny base of the session's fixture; the folder is made beside it.
    """
    place = make_workplace(base.parent.with_name("trained-store"), base)
    _write_shop_reviews(place.folder / "data/shop.csv")
    _train(place, "name=hotel", "train.num_train_epochs=12")
    _train(
        place,
        *("name=shop", "data.train=data/shop.csv", f"data.labels={{a: {', b: '.join(SHOP_LABELS[:2])}, c: 好评}}"),
        *("lora.r=2", "lora.use_rslora=true", "train.learning_rate=1e-2"),
    )
    Store(place.folder / "adapters").set_channel("hotel", "canary", "v1", why="a test")
    return place


def copy_of(place: Workplace, folder: Path) -> Workplace:
    """The same place once more, to be spoilt."""
    shutil.copytree(place.folder, folder)
    return Workplace(folder, folder / place.recipe.name)


def reviews(place: Workplace) -> list[str]:
    with (place.folder / "data/reviews.csv").open(encoding="utf-8", newline="") as stream:
        return [row["review"] for row in csv.DictReader(stream)]


def _train(place: Workplace, *overrides: str) -> None:
    here, said = Path.cwd(), io.StringIO()
    os.chdir(place.folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = train_lora([str(place.recipe), *overrides])
    finally:
        os.chdir(here)
    assert status == 0, said.getvalue()


def _write_shop_reviews(file: Path) -> None:
    draw = random.Random(6)
    words = {"a": "失望", "b": "住", "c": "满意"}
    rows = ["label,review"]
    for _ in range(150):
        label = draw.choice("abc")
        rows.append(f"{label},{''.join(draw.sample('物流快慢书便宜贵送', draw.randint(3, 8)))}{words[label]}")
    file.write_text("\n".join(rows) + "\n", "utf-8")
