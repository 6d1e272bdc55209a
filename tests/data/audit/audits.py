"""An audit and samples as ChnSentiCorp's are, by its known figures, for tests of what is shown of them."""

from lingyu.data.audit.report import (
    Audit,
    Crossing,
    Finding,
    Lengths,
    Level,
    Noise,
    Overlap,
    Part,
    Settings,
    Source,
    Unknown,
    Verdict,
)
from lingyu.data.audit.samples import Sample, Samples

SETTINGS = Settings(
    text="text_a",
    text_pair=None,
    label="label",
    clean=("html", "control", "width"),
    encoding="utf-8",
    near_similarity=0.8,
    near_shortest=16,
    near_longest_other=5,
    base="embedded",
    max_length=256,
    noise_folds=5,
    seed=42,
    labels={"0": "负面", "1": "正面"},
)

VERDICTS = (
    Verdict(check="leakage", grade="stop", rows=677, says="335 of 1,200 test rows (27.9 %) stand in train"),
    Verdict(check="conflicts", grade="stop", rows=57, says="24 texts of train carry two labels"),
    Verdict(check="labels", grade="ok", rows=0, says="each label has 5 texts"),
    Verdict(
        check="near_leakage", grade="look", rows=31, says="31 rows differ from a text of another part by a few edits"
    ),
    Verdict(check="duplicates", grade="look", rows=1412, says="1,351 of 9,600 train rows (14.1 %) repeat a text"),
    Verdict(check="near_duplicates", grade="look", rows=214, says="214 rows are near another of their part"),
    Verdict(check="noise", grade="look", rows=301, says="301 of 8,249 rows have a label that looks wrong"),
    Verdict(check="overlap", grade="unchecked", rows=0, says="nothing to compare with was given"),
    Verdict(check="personal", grade="look", rows=9, says="9 rows hold a phone number or an e-mail address"),
)


def lengths(unit: str, scale: int) -> Lengths:
    """scale: rows in a hundred."""
    edges = (0, 16, 32, 64, 128, 256, 512, 1024, 2048)
    shares = (4, 11, 24, 35, 18, 6, 2, 0) if scale > 12 else (2, 9, 30, 28, 21, 8, 1, 1)
    counts = tuple(scale * share for share in shares)
    limit = 256 if unit == "tokens" else None
    return Lengths.model_validate(
        {
            "unit": unit,
            "mean": 108.24,
            "median": 83,
            "p90": 214,
            "p99": 497,
            "longest": 1985,
            "edges": edges,
            "counts": counts,
            "limit": limit,
            "over_limit": limit and 8 * scale,
        }
    )


def part(name: str, rows: int, texts: Level, labels: dict[str, int]) -> Part:
    is_train = name == "train"
    return Part(
        name=name,
        source=Source(path=f"data/chnsenticorp/{name}.tsv", sha256="0f" * 32, rows=rows),
        rows=rows,
        empty=0,
        texts=texts,
        repeats=Level(exact=rows - texts.exact, same=rows - texts.same),
        near_rows=190 if is_train else 12,
        conflicts=Level(exact=24, same=25) if is_train else Level(exact=0, same=0),
        conflict_rows=Level(exact=57, same=60) if is_train else Level(exact=0, same=0),
        labels=labels,
        characters=lengths("characters", rows // 100),
        tokens=lengths("tokens", rows // 100),
        unknown=Unknown(
            tokens=rows * 90, unknown=rows // 4, rows=rows // 9, characters=(("…", 310), ("囧", 44), ("嘢", 3))
        ),
        languages={"chinese": rows - 140, "traditional": 90, "english": 10, "mixed": 40},
        personal={"phone": 6, "email": 3} if is_train else {},
        left_out={"beyond max_train_samples": 77} if is_train else {},
    )


def chnsenticorp() -> Audit:
    return Audit(
        lingyu="0.1.0",
        created="2025-11-21T22:10:00+00:00",
        settings=SETTINGS,
        parts=(
            part("train", 9600, Level(exact=8249, same=8214), {"负面": 4801, "正面": 4799}),
            part("dev", 1200, Level(exact=1171, same=1170), {"负面": 607, "正面": 593}),
            part("test", 1200, Level(exact=1168, same=1167), {"负面": 592, "正面": 608}),
        ),
        crossings=(
            crossing("dev", "train", Level(exact=338, same=342), 8, 14),
            crossing("test", "train", Level(exact=331, same=335), 6, 12),
            crossing("test", "dev", Level(exact=40, same=40), 1, 5),
        ),
        overlaps=(
            Overlap(part="test", other="data/shopping.csv", rows_of_part=1200, exact=1025, same=1168, near_rows=9),
            Overlap(part="test", other="corpora/reviews", rows_of_part=1200, exact=None, same=0, near_rows=None),
        ),
        noise=Noise(
            method="TF-IDF and logistic regression",
            folds=5,
            rows=8249,
            doubted=301,
            accuracy=0.893,
            pairs=(("正面", "负面", 188), ("负面", "正面", 113)),
        ),
        verdicts=VERDICTS,
        findings=tuple(near_finding(number) for number in range(40)),
    )


def crossing(name: str, other: str, rows: Level, other_label: int, near: int) -> Crossing:
    return Crossing(
        part=name,
        other=other,
        rows_of_part=1200,
        rows=rows,
        other_label=Level(exact=other_label, same=other_label),
        near_rows=near,
    )


def near_finding(number: int) -> Finding:
    return Finding(
        check="near_duplicates",
        level="near",
        part="train",
        row=f"data/chnsenticorp/train.tsv:{number + 2}",
        text_hash="00" * 8,
        label="正面",
        other=f"data/chnsenticorp/train.tsv:{number + 50}",
        other_label="正面",
        similarity=0.8 + number % 20 / 100,
        suggestion="keep",
    )


HOTEL = "房间太小，早餐一般，服务员态度不错，离地铁站很近，下次还会来住。"
LONG = "这家酒店的位置很好，" * 60


def samples() -> Samples:
    row = "data/chnsenticorp/train.tsv"
    other = "data/chnsenticorp/test.tsv"
    return {
        "leakage": tuple(
            Sample("test", f"{other}:{line}", HOTEL, "正面", f"{row}:{line * 7}", HOTEL, "负面" if line % 2 else "正面")
            for line in range(2, 9)
        ),
        "conflicts": (Sample("train", f"{row}:17", HOTEL, "正面", f"{row}:912", HOTEL.replace("，", ","), "负面"),),
        "near_leakage": (
            Sample("test", f"{other}:5", HOTEL, "正面", f"{row}:6", HOTEL.replace("不错", "很差"), "负面", 0.94),
            Sample("test", f"{other}:9", f"{LONG}好{LONG}", "正面", f"{row}:8", f"{LONG}坏{LONG}。", "正面", 0.99),
        ),
        "near_duplicates": (
            Sample("train", f"{row}:31", HOTEL, "正面", f"{row}:77", "还有，" + HOTEL + "（补充）", "正面", 0.87),
        ),
        "noise": (Sample("train", f"{row}:4", LONG, "正面", confidence=0.987, suggested_label="负面"),),
        "personal": (Sample("train", f"{row}:70", "订房请打13812345678或写信给 someone@example.com", "正面"),),
    }
