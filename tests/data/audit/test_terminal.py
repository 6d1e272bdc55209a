"""What a terminal shows of an audit."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lingyu.data.audit.report import Audit, Level, Part, Source
from lingyu.data.audit.terminal import terminal_lines

from .audits import SETTINGS, VERDICTS, chnsenticorp, lengths


def one_part(labels: dict[str, int], grade: str = "ok") -> Audit:
    """An audit of one part, in which nothing was found, or everything."""
    rows = sum(labels.values())
    none = Level(exact=0, same=0)
    part = Part(
        name="train",
        source=Source(path="data/train.csv", sha256=None, rows=rows),
        rows=rows,
        empty=0,
        texts=Level(exact=rows, same=rows),
        repeats=none,
        near_rows=0,
        conflicts=none,
        conflict_rows=none,
        labels=labels,
        characters=lengths("characters", 20),
        tokens=None,
        unknown=None,
        languages={},
        personal={},
    )
    verdicts = tuple(verdict.model_copy(update={"grade": grade, "rows": 0}) for verdict in VERDICTS)
    return Audit(
        lingyu="0.1.0",
        created="2025-11-21T22:10:00+00:00",
        settings=SETTINGS,
        parts=(part,),
        crossings=(),
        overlaps=(),
        noise=None,
        verdicts=verdicts,
        findings=(),
    )


def line_of(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_the_verdict_stands_first_with_its_reasons() -> None:
    first = terminal_lines(chnsenticorp())[0]
    assert first == "STOP: do not train on this before it is mended: leakage (677 rows), two labels (57 rows)"


def test_where_nothing_was_found_it_says_so_and_nothing_is_to_be_done() -> None:
    lines = terminal_lines(one_part({"a": 3, "b": 4}))
    assert lines[0] == "OK: nothing was found"
    assert not any(line.startswith("Next") for line in lines)


def test_a_crossing_is_said_at_both_levels() -> None:
    line = line_of(terminal_lines(chnsenticorp()), "test in train")
    assert line == "test in train   331 exact  335 same text  of 1,200 (27.9 %); 6 with another label; 12 near"


def test_a_check_has_its_figures_at_both_levels_and_near() -> None:
    lines = terminal_lines(chnsenticorp())
    assert line_of(lines, "Leakage").split()[:6] == ["Leakage", "stop", "677", "709", "717", "-"]
    assert line_of(lines, "Near-duplicates").split()[:6] == ["Near-duplicates", "look", "214", "-", "-", "214"]
    assert line_of(lines, "train  9,600").split()[3:6] == ["8,249", "/", "8,214"]


def test_a_check_that_could_not_run_has_no_figures() -> None:
    words = line_of(terminal_lines(chnsenticorp()), "Overlap").split()
    assert words[:6] == ["Overlap", "unchecked", "-", "-", "-", "-"]


def test_what_was_left_out_is_said() -> None:
    line = line_of(terminal_lines(chnsenticorp()), "left out of train")
    assert line == "left out of train   beyond max_train_samples 77"


def test_what_is_known_by_hashes_only_has_no_exact_count() -> None:
    assert line_of(terminal_lines(chnsenticorp()), "test in corpora/reviews").endswith("   0 same text  of 1,200 (0 %)")


def test_chinese_labels_are_as_wide_as_they_look() -> None:
    lines = terminal_lines(one_part({"负面": 50, "b": 25, "很长的一个标签名": 25}))
    at = lines.index(line_of(lines, "label"))
    starts = [cell_len(line[: line.index("█")]) for line in lines[at + 1 : at + 4]]
    assert starts == [18, 18, 18]  # eight characters of two cells, and two blanks
    assert len({cell_len(line) for line in lines[at : at + 4]}) == 1


def test_rare_labels_are_summed_up() -> None:
    lines = terminal_lines(one_part({f"label-{number}": 100 - number for number in range(30)}))
    at = lines.index(line_of(lines, "label "))
    assert lines[at + 10].startswith("label-9 ")
    assert lines[at + 11].split()[:2] == ["(20", "more)"]
    assert f"{sum(100 - number for number in range(10, 30)):,}" in lines[at + 11]
    assert lines[at + 12] == ""


def test_rows_without_a_label_are_named() -> None:
    assert line_of(terminal_lines(one_part({"a": 3, "": 4})), "(none)").split()[2:] == ["4", "57.1", "%", "57.1", "%"]


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    lines = terminal_lines(one_part({"common": 9_999, "rare": 1}))
    assert "> 99.9 %" in line_of(lines, "common")
    assert "< 0.1 %" in line_of(lines, "rare")


def test_what_was_written_already_is_not_asked_for_again() -> None:
    audit = one_part({"a": 3}, "stop")
    assert terminal_lines(audit)[-2:] == [
        "Next: look at the worst samples on the page (--html report.html). To mend the rows, write --json report.json,",
        "then: lingyu data fix propose report.json --out fixes.csv",
    ]
    assert terminal_lines(audit, report=Path("my audit.json"), page=Path("a.html"))[-2:] == [
        "Next: look at the worst samples on the page a.html. To mend the rows:",
        "lingyu data fix propose 'my audit.json' --out fixes.csv",
    ]


def test_sentences_are_wrapped_at_the_width() -> None:
    for width in (80, 100, 120):
        assert all(cell_len(line) <= width for line in terminal_lines(chnsenticorp(), width=width) if ";" in line)


@given(st.dictionaries(st.text(), st.integers(0, 10**9)))
def test_no_label_does_anything_to_a_terminal(labels: dict[str, int]) -> None:
    for line in terminal_lines(one_part(labels, "stop")):
        assert line.isprintable()
        line.encode()


def test_one_row_with_unknown_tokens_is_one():
    audit = chnsenticorp()
    part = audit.parts[0]
    unknown = part.unknown.model_copy(update={"rows": 1})
    lines = terminal_lines(audit.model_copy(update={"parts": (part.model_copy(update={"unknown": unknown}),)}))
    assert any(" in 1 row: " in line for line in lines)
