"""Web addresses in running text. Chinese is written up to them without a blank, so they end where ASCII does."""

import re

URL_MARK = "[网址]"
"""What stands for an address. A marker and no blank: 详情见http://t.cn/a谢谢 would lose an object of its sentence, and
that a text sends people elsewhere says something of it. Chinese vocabularies hold its characters."""

# RFC 3986 without ' [ ] and the brackets of our own mark; marks at the end belong to the sentence
_REST = r"(?:[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*[A-Za-z0-9_~/#@$&*+=%-])?"
_HOST = r"(?:[A-Za-z0-9_-]{1,63}\.){1,8}"
_TOP = r"(?:com|cn|net|org|edu|gov|info|biz|co|cc|me|io|tv|top|vip|xyz|shop|club|site|app|link|ly|gl|be|hk|tw)"
# A name like ctrip.com is a word of its sentence and stays; with a path behind it, it is an address.
_URL = re.compile(
    rf"(?<![A-Za-z0-9@._%-])(?:"
    rf"(?:https?|ftp)://[A-Za-z0-9]{_REST}"
    rf"|www\.[A-Za-z0-9]{_REST}"
    rf"|{_HOST}{_TOP}(?::[0-9]{{1,5}})?/[A-Za-z0-9]{_REST}"
    rf")",
    re.IGNORECASE | re.ASCII,
)


def urls(text: str) -> str:
    """Web addresses become `[网址]`; the Chinese glued to them stays, be it meant as part of them or not."""
    return _URL.sub(URL_MARK, text) if "." in text or "://" in text else text
