"""Traditional characters to Simplified, by OpenCC (the extra `data`)."""

import functools
import re
from collections.abc import Callable

from lingyu.errors import missing_extra

_MOST_ROUNDS = 8  # two are enough for every phrase of OpenCC 1.4
_WHOLE = re.compile("[^\ud800-\udfff]+")  # OpenCC takes UTF-8, which has no lone surrogates
_NOT_ASCII = re.compile("[^\x00-\x7f]")


def simplified(text: str) -> str:
    """Traditional characters become Simplified, word by word (OpenCC's t2s), until none is left.

    One pass of OpenCC is not idempotent: 畢昇 becomes 毕昇, for it knows the name, and 毕昇 becomes 毕升. Raises
    LingyuError where opencc is not installed.
    """
    convert = _converter()
    if not _NOT_ASCII.search(text):
        return text
    for _ in range(_MOST_ROUNDS):
        converted = _WHOLE.sub(lambda whole: convert(whole[0]), text)
        if converted == text:
            break
        text = converted
    return text


@functools.cache
def _converter() -> Callable[[str], str]:
    try:
        import opencc
    except ImportError as error:
        raise missing_extra("opencc", "data") from error
    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert
