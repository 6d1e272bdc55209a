"""lingyu adapters import, copy, push and pull: the commands as people start them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli import main
from lingyu.store import Store, Version

from ..hub_server import READER, WRITER, Hub, running_hub
from ..lora.foreign import LABELS, save_foreign
from ..store.publisher import write_hotel


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the store `adapters` in it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    Store("adapters").publish("hotel", write_hotel, why="a test")
    return tmp_path


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def foreign(place: Path, tiny_base: Path) -> Path:
    shutil.copytree(tiny_base, place / "bases/tiny")
    return save_foreign(tiny_base, place / "foreign")


def opened(store: str, reference: str = "hotel") -> Version:
    return Store(store).open(reference)


def test_copy_takes_a_version_out_and_into_another_store(place, capsys):
    assert main(["adapters", "copy", "hotel", "--to", "share/adapters"]) == 0
    assert capsys.readouterr().out == (
        "hotel@v1 is in share/adapters/hotel/v1, every file verified.\n"
        "No channel was set to it. Have it answer with:\n"
        "  lingyu adapters promote hotel@v1 --to stable --store share/adapters --why WHY\n"
    )
    assert opened("share/adapters", "hotel@v1").manifest == opened("adapters").manifest
    words = ["share/adapters/hotel/v1", "--to", "mine", "--channel", "stable", "--why", "from the share"]
    assert main(["adapters", "copy", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "adapter": "hotel@v1",
        "folder": "mine/hotel/v1",
        "new": True,
        "channel": "stable",
    }
    assert [line.why for line in Store("mine").history("hotel")] == ["from the share"]
    Store("mine").set_channel("hotel", "prod", "v1", "a test")
    assert main(["adapters", "copy", "hotel", "--to", "mine"]) == 0
    assert capsys.readouterr().out.endswith("nothing was copied.\nChannels prod, stable name it.\n")
    Store("mine").remove_channel("hotel", "prod", "a test")
    assert main(["adapters", "copy", "hotel", "--to", "mine"]) == 0
    assert "already, the very same: nothing was copied" in capsys.readouterr().out


def test_copy_of_what_is_damaged_or_unknown_is_one_line(place, capsys):
    assert main(["adapters", "copy", "hotle", "--to", "mine"]) == 2
    assert "Did you mean `hotel`" in capsys.readouterr().err
    (place / "adapters/hotel/v1/README.md").write_text("changed")
    assert main(["adapters", "copy", "hotel", "--to", "mine"]) == 2
    assert "has 7 bytes, but" in capsys.readouterr().err
    assert not Path("mine").exists()


def test_push_and_pull_move_a_version_over_a_hub(place, hub, run_command):
    said = run_command("lingyu", "adapters", "push", "hotel", "team/hotel", "--private", env=hub.environment())
    assert said.returncode == 0, said.stderr
    assert said.stdout == (
        "hotel@v1 is main and tag v1 of team/hotel.\nFetch it with: lingyu adapters pull team/hotel@v1\n"
    )
    assert said.stderr == ""
    assert hub.repositories["team/hotel"].private
    words = ("team/hotel@v1", "--store", "mine", "--channel", "canary", "--json")
    said = run_command("lingyu", "adapters", "pull", *words, env=hub.environment(READER))
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["adapter"] == "hotel@v1"
    assert opened("mine", "hotel@canary").manifest == opened("adapters").manifest


@pytest.mark.parametrize(
    ("command", "token", "message"),
    [
        ("push", None, "the hub asks for a token. Log in with `hf auth login`, or set HF_TOKEN"),
        ("push", "hf_secret", "the hub does not accept the token"),
        ("push", "hf_密", "the token holds characters that no token has"),
        ("push", READER, "the token does not permit this"),
        ("pull", "hf_secret", "the hub does not accept the token"),
        ("pull", None, "or a private one. Check the name. Log in with `hf auth login`, or set HF_TOKEN"),
        ("pull", READER, "Check the name, and that your token may read it"),
    ],
)
def test_a_token_that_is_missing_or_wrong_is_one_line_that_never_shows_it(
    place, hub, run_command, command, token, message
):
    hub.publish("team/secret", {}, private=True)
    name = "team/nowhere" if (command, token) == ("pull", READER) else "team/secret"
    words = ("hotel", name) if command == "push" else (name,)
    said = run_command("lingyu", "adapters", command, *words, env=hub.environment(token))
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr.count("\n") == 1
    assert message in said.stderr
    assert "hf_" not in said.stderr.replace("hf_hub", "")


def test_no_network_a_hub_out_of_order_and_no_hub_at_all_are_one_line(place, hub, run_command):
    def pull(**environment: str) -> str:
        said = run_command("lingyu", "adapters", "pull", "team/hotel", env={**hub.environment(), **environment})
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1), said.stderr
        assert WRITER not in said.stderr
        return said.stderr

    assert "HF_HUB_OFFLINE forbids asking the hub" in pull(HF_HUB_OFFLINE="1")
    assert "http://127.0.0.1:9 is out of reach" in pull(HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 is out of reach" in pull(HF_ENDPOINT="http://me:pass@word@127.0.0.1:9")
    hub.out_of_order = 503
    assert "answers 503. Try again later" in pull()
    hub.out_of_order = 200
    assert "is not that of a hub" in pull()


def test_import_makes_a_version_that_the_store_can_answer_with(place, foreign, capsys):
    words = ["--name", "shop", "--base", "bases/tiny", "--labels", "差评,中评，好评", "--text-steps", "html,control"]
    assert main(["adapters", "import", str(foreign), *words, "--channel", "stable"]) == 0
    said = capsys.readouterr()
    assert said.out == "shop@v1 is in adapters/shop/v1, every file verified.\nChannel stable names it.\n"
    assert "Before it can answer" not in said.err
    manifest = opened("adapters", "shop").manifest
    assert (manifest.labels, manifest.base.id, manifest.text_steps) == (LABELS, "bases/tiny", ("html", "control"))
    assert main(["predict", "--adapter", "shop", "房间很干净", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] in LABELS
    assert main(["adapters", "list"]) == 0
    assert main(["adapters", "show", "shop"]) == 0


def test_import_never_records_a_path_of_the_machine(place, foreign, tiny_base, capsys):
    words = ["--name", "shop", "--labels", "A,B,C", "--json"]
    assert main(["adapters", "import", str(foreign), *words, "--base", str(place / "bases/tiny")]) == 0
    assert main(["adapters", "import", str(foreign), *words, "--base", str(tiny_base)]) == 0
    assert "Before it can answer" not in capsys.readouterr().err, "it is found by its fingerprint in bases/"
    store = Store("adapters")
    assert [store.open(f"shop@{version}").manifest.base.id for version in ("v1", "v2")] == ["bases/tiny", "tiny"]
    shutil.rmtree(place / "bases")
    assert main(["adapters", "import", str(foreign), *words, "--base", str(tiny_base)]) == 0
    assert "Before it can answer: shop@v3: its base tiny" in capsys.readouterr().err


def test_import_without_labels_or_base_says_which_is_missing(place, foreign, capsys):
    assert main(["adapters", "import", str(foreign), "--name", "shop"]) == 2
    assert "--labels is missing. Name its 3 labels, in the order of its outputs" in capsys.readouterr().err
    assert main(["adapters", "import", str(foreign), "--name", "shop", "--labels", "A,B,C"]) == 2
    assert "--base is missing" in capsys.readouterr().err
    assert main(["adapters", "import", str(foreign), "--labels", "A,B,C"]) == 2
    assert "--name" in capsys.readouterr().err
    assert Store("adapters").adapters() == ("hotel",)


@pytest.mark.parametrize(("why", "says"), [("长" * 1001, "the reason has over 1,000 characters"), (" ", "no reason")])
def test_a_reason_that_no_history_keeps_is_told_before_anything_is_read(place, why, says, capsys):
    for words in (
        ["import", "no-folder", "--name", "shop"],
        ["copy", "no-adapter", "--to", "mine"],
        ["pull", "team/no"],
    ):
        assert main(["adapters", *words, "--channel", "stable", "--why", why]) == 2
        assert says in capsys.readouterr().err


def test_import_asks_at_a_terminal(place, foreign, monkeypatch):
    from lingyu.cli import exchange

    monkeypatch.setattr(exchange, "at_a_terminal", lambda: True)
    answers = CliRunner().invoke(
        exchange.import_, [str(foreign), "--name", "shop"], input="A,B,C\nbases/tiny\n", catch_exceptions=False
    )
    assert answers.exit_code == 0
    assert "Its 3 labels, in the order of its outputs" in answers.stderr
    assert opened("adapters", "shop@v1").manifest.labels == ("A", "B", "C")


@pytest.mark.parametrize("command", ["import", "copy", "push", "pull"])
def test_help_shows_an_example(command, capsys):
    assert main(["adapters", command, "--help"]) == 0
    assert f"Example: lingyu adapters {command}" in capsys.readouterr().out
