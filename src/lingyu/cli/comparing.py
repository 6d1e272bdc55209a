"""What merge.py and lingyu export have in common: the texts that a gate compares on."""

from lingyu.errors import LingyuError


def texts_of(source: str | None, column: str, encoding: str, task: str) -> tuple[str, ...] | None:
    """The texts of a file, in order, as training for the task reads them.

    Raises LingyuError for its first row that can't be read.
    """
    if source is None:
        return None
    from lingyu.data import find_file, read_table, text_of

    from .predict_file import in_options

    find_file(source)
    try:
        table = read_table(source, encoding)
    except LingyuError as error:
        raise in_options(error) from None
    table.needs(column, "--column")
    texts = []
    for row in table.rows:
        if row.fault:
            raise row.fault
        texts.append(text_of(row, column, task) if column in row.cells else "")
    return tuple(texts)
