"""The types that a merged model may be written in, by name: known before torch is waited for."""

from typing import Literal, get_args

from lingyu.errors import LingyuError, did_you_mean

Dtype = Literal["float32", "bfloat16", "float16"]

FULL: Dtype = "float32"
DTYPES: tuple[Dtype, ...] = get_args(Dtype)


def require_dtype(name: str) -> None:
    """Raises LingyuError for a name that is none of them."""
    if name not in DTYPES:
        near = did_you_mean(name, DTYPES)
        raise LingyuError(
            f"no such dtype: {name}", next=f"Did you mean {near}?" if near else f"Take one of {', '.join(DTYPES)}"
        )
