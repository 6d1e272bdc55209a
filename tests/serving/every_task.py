"""A store with an adapter of every task on one tiny base: random weights, published like any."""

import shutil
from functools import cache
from pathlib import Path

from lingyu.tasks import Calibration

from .random_adapters import DENSE, Kind, publish

ADAPTERS = {
    "hotel": Kind(seed=1, calibration=Calibration(temperature=1.4), text_steps=("html", "control", "width")),
    "restaurant": Kind(seed=2, labels=("差", "中", "好"), text_pair=True, target_modules=("key", *DENSE)),
    "aspects": Kind(
        seed=3,
        task="multi_label",
        labels=("味道", "服务", "价格", "环境"),
        calibration=Calibration(thresholds=(0.4, 0.5, 0.6, 0.5)),
    ),
    "slots": Kind(seed=4, task="token", labels=("品牌", "地点"), r=6, text_steps=("width",)),
    "names": Kind(seed=5, task="token", labels=("人",), use_dora=True, max_length=16),
    "stars": Kind(seed=6, task="ordinal", labels=("1星", "2星", "3星", "4星", "5星")),
    "price": Kind(seed=7, task="regression", labels=(), calibration=Calibration(offset=120.5, scale=30.0)),
    "replies": Kind(seed=8, task="preference", labels=(), text_pair=True, use_rslora=True),
}


@cache
def store_of_every_task(base: Path) -> Path:
    """The store, beside the folder of bases. base: the tiny base of the session's fixture. Read only."""
    place = base.parent.with_name("every-task")
    shutil.copytree(base, place / "bases/tiny")
    for name, kind in ADAPTERS.items():
        publish(place / "adapters", name, base, kind)
    second = Kind(seed=9, task="multi_label", labels=("环境", "价格", "服务", "味道"))
    publish(place / "adapters", "aspects", base, second, channel=None)
    publish(place / "adapters", "slots", base, Kind(seed=10, task="token", labels=("地点", "品牌"), r=2), channel=None)
    publish(
        place / "adapters", "restaurant", base, Kind(seed=11, labels=("差", "中", "好"), text_pair=True), channel=None
    )
    return place / "adapters"
