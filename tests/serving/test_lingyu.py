"""Answers in the order asked for, equal to plain PEFT's; nothing that was changed answers at all."""

import doctest
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import lingyu.serving.lingyu
from lingyu import Lingyu
from lingyu.errors import LingyuError
from lingyu.serving import load
from lingyu.store import open_adapter
from lingyu.store.manifest import sealed
from lingyu.tasks import Failed

from ..conftest import RunCommand
from ..e2e.conftest import Workplace
from .trained import SHOP_LABELS, copy_of, reviews


@pytest.fixture(scope="module")
def answering(place: Workplace) -> Lingyu:
    return Lingyu.load(place.folder / "adapters")


@pytest.fixture
def spoilt(place: Workplace, tmp_path: Path) -> Workplace:
    """A copy that a test may change."""
    return copy_of(place, tmp_path / "copy")


def refusal(place: Workplace, tenant: str = "hotel") -> str:
    """The line with which a store does not answer."""
    answer = Lingyu.load(place.folder / "adapters").classify(["房间很好"], tenant)[0]
    assert isinstance(answer, Failed)
    assert (answer.text, answer.tenant) == ("房间很好", tenant)
    assert "\n" not in str(answer.error)
    return str(answer.error)


def by_plain_peft(place: Workplace, name: str, texts: list[str]) -> np.ndarray:
    """(texts, labels) probabilities, one text at a time, without a line of lingyu."""
    folder = place.folder / "adapters" / name / "v1"
    manifest = json.loads((folder / "lingyu.json").read_text("utf-8"))
    torch.manual_seed(11)
    base = AutoModelForSequenceClassification.from_pretrained(
        place.folder / "bases/tiny", num_labels=len(manifest["labels"])
    )
    model = PeftModel.from_pretrained(base, str(folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained(place.folder / "bases/tiny")
    rows = []
    for text in texts:
        tokens = tokenizer(text, truncation=True, max_length=manifest["max_length"], return_tensors="pt")
        with torch.no_grad():
            logits = model(**tokens).logits[0].double()
        rows.append(torch.softmax(logits / manifest["calibration"]["temperature"], dim=0).numpy())
    return np.stack(rows)


# Answers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["hotel", "shop"])
def test_every_row_is_answered_as_plain_peft_answers_it(name: str, place: Workplace, answering: Lingyu) -> None:
    texts = [*reviews(place), "好" * 31, "很差" * 40]
    results = answering.classify(texts, name)
    ours = np.array([list(result.probabilities.values()) for result in results])
    theirs = by_plain_peft(place, name, texts)
    assert np.abs(ours - theirs).max() < 1e-5
    assert ours.std(axis=0).min() > 0.01, "the same answer to everything would prove nothing"
    labels = list(results[0].probabilities)
    assert [result.label for result in results] == [labels[row.argmax()] for row in theirs]


def test_results_come_in_the_order_of_the_texts_whatever_their_tenants(place: Workplace, answering: Lingyu) -> None:
    texts = reviews(place)[:40]
    tenants = ["hotel" if row % 3 else "shop@v1" for row in range(40)]
    apart = {name: answering.classify(texts, name) for name in ("hotel", "shop@v1")}
    mixed = answering.classify(texts, tenants)
    assert [result.text for result in mixed] == texts
    for row, (result, tenant) in enumerate(zip(mixed, tenants, strict=True)):
        alone = apart[tenant][row]
        assert result.label == alone.label
        assert result.version == alone.version
        assert result.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def test_a_result_says_which_version_which_probabilities_and_whether_it_was_cut(answering: Lingyu) -> None:
    fits, cut = answering.classify(["好" * 30, "好" * 31], "shop")
    assert (fits.truncated, cut.truncated) == (False, True)
    assert fits.version == "shop@v1"
    assert tuple(fits.probabilities) == SHOP_LABELS
    assert sum(fits.probabilities.values()) == pytest.approx(1)
    assert fits.probability == max(fits.probabilities.values()) == fits.probabilities[fits.label]
    assert list(fits.as_json()) == ["text", "label", "probability", "probabilities", "version", "truncated"]


def test_below_the_threshold_a_label_is_uncertain_and_its_probability_stays(answering: Lingyu) -> None:
    sure = answering.classify(["房间很好"], "hotel")[0]
    just_below, just_above = sure.probability - 1e-6, min(1.0, sure.probability + 1e-6)
    assert answering.classify(["房间很好"], "hotel", threshold=just_below)[0] == sure
    unsure = answering.classify(["房间很好"], "hotel", threshold=just_above)[0]
    assert unsure.label == "uncertain"
    assert unsure.probabilities == sure.probabilities


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float, answering: Lingyu) -> None:
    with pytest.raises(LingyuError, match="from 0 to 1"):
        answering.classify(["好"], "hotel", threshold=threshold)


def test_a_text_is_cleaned_as_before_training_and_given_back_as_it_came(answering: Lingyu) -> None:
    clean, dirty = answering.classify(["房间很好 wifi 2", "<p>房间很好</p>\u200b&nbsp;ｗｉｆｉ\x00２"], "hotel")
    assert dirty.probabilities == pytest.approx(clean.probabilities, abs=1e-6)
    assert dirty.text == "<p>房间很好</p>\u200b&nbsp;ｗｉｆｉ\x00２"


def test_special_tokens_in_a_text_are_text(place: Workplace, answering: Lingyu) -> None:
    tokenizer = AutoTokenizer.from_pretrained(place.folder / "bases/tiny")
    literal = "房间[SEP]很好[MASK][PAD]"
    assert tokenizer.mask_token_id in tokenizer(literal)["input_ids"], "the trap is there"
    spelt_out = answering.classify([literal, "房间[ SEP ]很好[ MASK ][ PAD ]"], "hotel")
    assert spelt_out[0].probabilities == pytest.approx(spelt_out[1].probabilities, abs=1e-6)


@pytest.mark.parametrize("text", ["\ud83d很好", "很好\udcff", "很\ud800\ud800好", "很好" * 50_000, "很\x00好", "𠮷😀"])
def test_no_text_is_too_strange(text: str, answering: Lingyu) -> None:
    result = answering.classify([text], "hotel")[0]
    assert result.text == text
    assert result.label in ("正面", "负面")


@pytest.mark.parametrize("text", ["", "   ", "\u3000", "\u200b", "\x00", "<br>", "&nbsp;"])
def test_a_text_of_which_nothing_is_left_is_an_error_of_its_own(text: str, answering: Lingyu) -> None:
    good, failed = answering.classify(["好", text], "hotel")
    assert good == answering.classify(["好"], "hotel")[0]
    assert isinstance(failed, Failed)
    assert failed.text == text
    assert failed.error.what == "the text is empty"
    for name in ("label", "probability", "probabilities", "version", "truncated"):
        with pytest.raises(LingyuError, match="the text is empty"):
            getattr(failed, name)


def test_one_text_is_no_list_and_tenants_are_as_many_as_texts(answering: Lingyu) -> None:
    with pytest.raises(LingyuError, match="list of texts"):
        answering.classify("房间很好", "hotel")
    with pytest.raises(LingyuError, match="2 texts but 1 tenants"):
        answering.classify(["好", "差"], ["hotel"])
    assert answering.classify([], "hotel") == []
    assert len(answering.classify((text for text in ["好", "差"]), "hotel")) == 2


def test_an_adapter_alone_asks_for_a_list_of_strings_too(place: Workplace) -> None:
    alone = load(open_adapter("hotel", place.folder / "adapters"))
    assert [answer.version for answer in alone.classify(text for text in ["好", "差"])] == ["hotel@v1"] * 2
    assert alone.classify(["好"], threshold=1.0)[0].label == "uncertain"
    with pytest.raises(LingyuError, match="list of texts"):
        alone.classify("房间很好")
    with pytest.raises(LingyuError, match="a text is a NoneType"):
        alone.classify(["好", None])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("tenants", "says"),
    [
        ([None, "hotel"], "a tenant is a NoneType"),
        (["hotel", float("nan")], "a tenant is a float"),
        ([["hotel"], ["hotel", 7]], "a tenant is a int"),
        (["hotel", ["hotel"]], "some texts have a tenant, others a list of them"),
    ],
)
def test_what_is_no_name_of_a_tenant_is_said(tenants: list[str], says: str, answering: Lingyu) -> None:
    with pytest.raises(LingyuError, match=says):
        answering.classify(["好", "差"], tenants)


def test_random_numbers_of_the_program_that_asks_are_not_touched(place: Workplace) -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))

    def seed() -> None:
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)

    seed()
    expected = [draws() for _ in range(2)]
    seed()
    found = [draws()]
    assert Lingyu.load(place.folder / "adapters").classify(["好"], "hotel")[0].label  # loads the base
    assert [*found, draws()] == expected


def test_the_example_in_the_docstring_is_true(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    outcome = doctest.testmod(lingyu.serving.lingyu)
    assert outcome.attempted == 2
    assert outcome.failed == 0


def test_importing_it_brings_no_torch_and_a_wrong_name_needs_none(place: Workplace) -> None:
    script = """
import sys
from lingyu import Lingyu
print(Lingyu.load("adapters").classify(["好"], "hotell")[0].error)
print(sorted({"torch", "transformers", "peft"} & set(sys.modules)))
"""
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=place.folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "Did you mean `hotel`?" in said[0]
    assert said[1] == "[]"


# Which adapter


@pytest.mark.parametrize("name", ["hotel", "hotel@stable", "hotel@canary", "hotel@v1"])
def test_an_adapter_is_named_by_version_or_channel(name: str, answering: Lingyu) -> None:
    assert answering.classify(["房间很好"], name)[0].version == "hotel@v1"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hotell", "no adapter named `hotell`. Did you mean `hotel`?"),
        ("hotel@v2", "no version v2"),
        ("hotel@canari", "Did you mean `hotel@canary`?"),
        ("../hotel", "can't name an adapter"),
        ("adapters/hotel", "can't name an adapter"),
        ("/etc", "can't name an adapter"),
        ("Hotel", "can't name an adapter"),
        ("", "can't name an adapter"),
    ],
)
def test_an_adapter_that_is_not_there_is_one_line(name: str, says: str, place: Workplace) -> None:
    assert says in refusal(place, name)


def test_a_flipped_bit_is_refused(spoilt: Workplace) -> None:
    file = spoilt.folder / "adapters/hotel/v1/adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "SHA-256" in refusal(spoilt)
    assert Lingyu.load(spoilt.folder / "adapters").classify(["好"], "shop")[0].version == "shop@v1"


# Its base


def other_weights(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    name = next(name for name in tensors if "query.weight" in name)
    tensors[name] = tensors[name].clone()
    tensors[name][0, 0] += 1
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})


def test_a_base_with_one_other_weight_is_refused_naming_both(spoilt: Workplace) -> None:
    manifest = json.loads((spoilt.folder / "adapters/hotel/v1/lingyu.json").read_text("utf-8"))
    other_weights(spoilt.folder / "bases/tiny")
    line = refusal(spoilt)
    assert f"was trained on ./bases/tiny (weights {manifest['base']['weights_fingerprint'][:12]})" in line
    assert line.count("weights ") == 2


def test_another_tokenizer_is_refused_naming_both(spoilt: Workplace) -> None:
    file = spoilt.folder / "bases/tiny/tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["好"], vocabulary["差"] = vocabulary["差"], vocabulary["好"]
    file.write_text(json.dumps(tokenizer), "utf-8")
    line = refusal(spoilt)
    assert "was trained with the tokenizer of ./bases/tiny" in line
    assert "not with that of ./bases/tiny" in line


def test_the_base_is_looked_up_beside_the_store_wherever_one_stands(
    spoilt: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    decoy = tmp_path / "bases/tiny"
    shutil.copytree(spoilt.folder / "bases/tiny", decoy)
    other_weights(decoy)
    assert Lingyu.load("copy/adapters").classify(["房间很好"], "hotel")[0].label == "正面"


def test_a_base_of_another_name_is_found_by_its_fingerprint(spoilt: Workplace) -> None:
    bases = spoilt.folder / "bases"
    (bases / "tiny").rename(bases / "renamed")
    shutil.copytree(bases / "renamed", bases / "a-decoy")
    other_weights(bases / "a-decoy")
    (bases / "a-ruin").mkdir()
    (bases / "a-ruin/config.json").write_text("{", "utf-8")
    assert Lingyu.load(spoilt.folder / "adapters").classify(["房间很好"], "hotel")[0].label == "正面"


def test_a_store_deep_in_a_project_finds_the_base_from_where_one_stands(
    spoilt: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spoilt.folder / "runs/try").mkdir(parents=True)
    (spoilt.folder / "adapters").rename(spoilt.folder / "runs/try/adapters")
    monkeypatch.chdir(spoilt.folder)
    assert Lingyu.load("runs/try/adapters").classify(["房间很好"], "hotel")[0].label == "正面"


def test_a_base_that_is_gone_is_an_error_with_its_fingerprint_and_lineage(spoilt: Workplace) -> None:
    shutil.rmtree(spoilt.folder / "bases/tiny")
    line = refusal(spoilt)
    manifest = json.loads((spoilt.folder / "adapters/hotel/v1/lingyu.json").read_text("utf-8"))
    assert manifest["base"]["weights_fingerprint"][:12] in line
    assert "lineage ./bases/tiny" in line
    assert str(spoilt.folder / "bases") in line


@pytest.mark.parametrize("id", ["../outside/tiny", "./bases/../../outside/tiny"])
def test_a_base_id_that_leads_out_is_not_followed(
    id: str, spoilt: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(spoilt.folder / "bases/tiny", tmp_path / "outside/tiny")
    file = spoilt.folder / "adapters/hotel/v1/lingyu.json"
    manifest = json.loads(file.read_text("utf-8"))
    manifest["base"]["id"] = id
    file.write_bytes(sealed(manifest))
    monkeypatch.chdir(spoilt.folder)
    assert f"its base {id}" in refusal(spoilt)
    assert "is not there" in refusal(spoilt)
    # the same base where it may lie
    shutil.copytree(tmp_path / "outside/tiny", spoilt.folder / "bases/tiny")
    assert Lingyu.load("adapters").classify(["房间很好"], "hotel")[0].label == "正面"


FORKS = """
import os, signal, sys
from lingyu import Lingyu
from lingyu.errors import LingyuError

lingyu = Lingyu.load("adapters")
if sys.argv[1] == "warm":
    lingyu.classify(["房间很好"] * 8, "hotel")
child = os.fork()
if child == 0:
    signal.alarm(60)
    for asked, name in ((lingyu, "hotel"), (lingyu, "shop"), (Lingyu.load("adapters"), "hotel")):
        try:
            print(asked.classify(["房间很好"] * 8, name)[0].label, flush=True)
        except LingyuError as error:
            print(error, flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(("before", "threads", "answers"), [("warm", 2, 0), ("warm", 1, 3), ("cold", 2, 3)])
def test_a_fork_of_a_process_that_has_answered_answers_or_says_why_not(
    before: str, threads: int, answers: int, place: Workplace, run_command: RunCommand
) -> None:
    ran = run_command("python", "-c", FORKS, before, cwd=place.folder, env={"OMP_NUM_THREADS": str(threads)})
    assert ran.returncode == 0, ran
    said = ran.stdout.splitlines()
    assert len(said) == 3
    refused = [line for line in said if "this process was forked" in line and line.endswith("set OMP_NUM_THREADS=1")]
    assert len(refused) == 3 - answers
