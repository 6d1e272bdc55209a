"""What whoever asks for answers is held to: texts, second texts, thresholds. Alike with torch and with a graph."""

from collections.abc import Iterable

from lingyu.errors import LingyuError

from .registry import TASKS, WITH_THRESHOLDS


def checked_texts(texts: Iterable[str]) -> list[str]:
    """Raises LingyuError for one text in place of a list, and for what is no text."""
    if isinstance(texts, str):
        raise LingyuError("classify takes a list of texts", next="Write classify([text], ...)")
    found = list(texts)
    for text in found:
        if not isinstance(text, str):
            raise LingyuError(f"a text is a {type(text).__name__}", next="Give strings only")
    return found


def checked_pairs(text_pairs: Iterable[str | None] | None, rows: int) -> list[str | None]:
    """One second text a row, or None. Raises LingyuError as checked_texts does, and where they are not as many."""
    if text_pairs is None:
        return [None] * rows
    if isinstance(text_pairs, str):
        raise LingyuError("classify takes a list of second texts", next="Write text_pairs=[text]")
    found = list(text_pairs)
    for pair in found:
        if not isinstance(pair, str | None):
            raise LingyuError(f"a second text is a {type(pair).__name__}", next="Give strings, or None for none")
    if len(found) != rows:
        raise LingyuError(f"{rows} texts but {len(found)} second texts", next="Give one a text, None for none")
    return found


def require_as_many_texts(adapter: str, *, reads_two: bool, has_pair: bool) -> None:
    """Raises LingyuError for one text where the adapter reads two, and for two where it reads one."""
    if reads_two and not has_pair:
        next_step = "Give the second one too: --pair TEXT, --pair-column COLUMN, or text_pairs=[...] in Python"
        raise LingyuError(f"{adapter} reads two texts, and here is one", next=next_step)
    if has_pair and not reads_two:
        next_step = "Leave out --pair or --pair-column, or text_pairs in Python; or leave this row's cell of it empty"
        raise LingyuError(f"{adapter} reads one text, and here are two", next=next_step)


def require_probability(threshold: float) -> None:
    """Raises LingyuError for a threshold that is none."""
    if not 0 <= threshold <= 1:
        raise LingyuError(f"the threshold {threshold} is no probability", next="Give one from 0 to 1")


def require_threshold(adapter: str, task: str, threshold: float) -> None:
    """Raises LingyuError for a threshold that is no probability, or of an adapter whose task has none."""
    require_probability(threshold)
    if threshold and not TASKS[task].traits.takes_thresholds:
        raise no_threshold(adapter, task)


def no_threshold(adapter: str, task: str, where: str | None = None) -> LingyuError:
    """Its answers give no label a probability to compare with."""
    return LingyuError(
        f"{adapter} is for the task {task}, whose answers have no threshold",
        where,
        f"Leave it out: {' and '.join(WITH_THRESHOLDS)} have them",
    )
