"""The types that a merged model may be written in, by name: known before torch is waited for."""

from lingyu.errors import LingyuError, did_you_mean

FULL = "float32"
NAMES = (FULL, "bfloat16", "float16")


def require_dtype(name: str) -> None:
    """Raises LingyuError for a name that is none of them."""
    if name not in NAMES:
        near = did_you_mean(name, NAMES)
        raise LingyuError(
            f"no such dtype: {name}", next=f"Did you mean {near}?" if near else f"Take one of {', '.join(NAMES)}"
        )
