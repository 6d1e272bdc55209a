"""What every test stands on: a clean environment, tiny bases, real commands. torch is imported inside fixtures only."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parent.parent

# Other tests run beside a property test: an example's wall clock says nothing of it. `--hypothesis-profile` wins.
settings.register_profile("no-clock", deadline=None)
settings.load_profile("no-clock")

# Of a developer's shell or login, none of it must change what a test sees.
FOREIGN_PREFIXES = ("WANDB_", "HF_", "ACCELERATE_", "TRANSFORMERS_", "FSDP_", "LINGYU_")
# the processes of a launcher; the make that runs the tests, which would have a make within them talk
LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
FOREIGN = (*LAUNCHERS, "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "FORCE_COLOR", "NETRC")

TINY_CHINESE = (
    "的一是不了在有我人这中大来上个到房间很干净下次还早餐差服务态度好贵便宜物流快慢书酒店住前台热情满意失望推荐送评价"
)
TINY_ASCII = "abcdefghijklmnopqrstuvwxyz0123456789"
TINY_MARKS = "()[]{}<>#,.!?:;，。！？（）"

# shape and hidden sizes of the smallest BERT in which every part of a real one is there
TINY_SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """No hub, no login, no tracker's server, no GPU, an empty home: the same on every machine.

    Before anything is collected, since huggingface_hub and datasets read their settings when they are imported.
    A test that is about one of these sets it with monkeypatch, or gives it to run_command.
    """
    for name in [name for name in os.environ if name.startswith(FOREIGN_PREFIXES) or name in FOREIGN]:
        del os.environ[name]
    home = config.stash[HOME] = tempfile.TemporaryDirectory(prefix="lingyu-tests-", ignore_cleanup_errors=True)
    os.environ |= {
        "HOME": home.name,
        "HF_HUB_OFFLINE": "1",
        "WANDB_MODE": "offline",
        "WANDB_DIR": home.name,
        "CUDA_VISIBLE_DEVICES": "",
        "TOKENIZERS_PARALLELISM": "false",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    os.environ.pop("XDG_CACHE_HOME", None)
    os.environ.setdefault("OMP_NUM_THREADS", "2")  # the tests share two cores with the commands that they start


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[HOME].cleanup()


@pytest.fixture(autouse=True)
def _same_environment_after_each_test() -> Iterator[None]:
    """TrainingArguments, among others, writes into the environment."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside a development checkout; a test that asks for it is skipped elsewhere."""
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) is not on this machine")
    return folder


def tiny_vocabulary() -> list[str]:
    """One token a character, and the ## form of the ASCII ones: enough for Chinese reviews and label names."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [f"##{character}" for character in TINY_ASCII]
    return special + list(dict.fromkeys(TINY_CHINESE + TINY_ASCII + TINY_MARKS)) + pieces


def _write_tiny_base(folder: Path, *, pooler: bool, **shape: int) -> Path:
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

    vocabulary = tiny_vocabulary()
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = BertConfig(vocab_size=len(vocabulary), **{**TINY_SHAPE, **shape})
        model = BertModel(config, add_pooling_layer=True) if pooler else BertForMaskedLM(config)
    model.save_pretrained(folder)
    # by position: BertTokenizer(vocab_file=...) silently knows five tokens (transformers 5)
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of 2 layers, 32 wide, as a masked-LM run leaves it: without a pooler. Read only."""
    return _write_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", pooler=False)


@pytest.fixture(scope="session")
def tiny_base_with_pooler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shape with a pooler and without a masked-LM head. Read only."""
    return _write_tiny_base(tmp_path_factory.mktemp("bases") / "tiny-with-pooler", pooler=True)


@pytest.fixture(scope="session")
def tiny_base_in_blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As tiny_base, but 64 wide and 128 between: nf4 holds weights in blocks of 64. Read only."""
    folder = tmp_path_factory.mktemp("bases") / "tiny-in-blocks"
    return _write_tiny_base(folder, pooler=False, hidden_size=64, intermediate_size=128)


@pytest.fixture
def run_command(tmp_path: Path) -> RunCommand:
    """Run a real command: run_command("lingyu", "check", recipe, cwd=repo, timeout_s=60, env={...}, input="...").

    A program that stands beside this Python is taken from there. Text in and out; the status is the test's to judge.
    """
    beside_python = Path(sys.executable).parent

    def run(
        *command: object,
        cwd: Path | None = None,
        timeout_s: float = 120,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        program, *arguments = [str(part) for part in command]
        found = beside_python / program
        words: Sequence[str] = [str(found) if found.is_file() else program, *arguments]
        path = f"{beside_python}{os.pathsep}{os.environ.get('PATH', '')}"
        return subprocess.run(
            words,
            cwd=cwd or tmp_path,
            env={**os.environ, "PATH": path, **(env or {})},
            input="" if input is None else input,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )

    return run
