"""The chain of bases below an adapter, link by link: what training recorded against what the base says of itself.

A gap is a link that is missing. Each base names the fingerprint of the one that it was made from; the last names none:
it is published, or somebody brought it.
"""

from collections.abc import Sequence

from lingyu.bases import LINEAGE, Ancestor, Base
from lingyu.errors import LingyuError
from lingyu.store import LineageEntry, Version

_RESTORE = f"Put back the {LINEAGE} that lay in the base's folder when the adapter was trained"


def require_lineage(version: Version, base: Base) -> tuple[Ancestor, ...]:
    """The chain from the adapter's base down to the one that was made of no other here, the nearest first.

    Raises LingyuError, naming both sides, where version and base tell different chains, or a link is missing. A
    version that tells none (an adapter from elsewhere) stands on its base's.
    """
    chain = base.lineage
    recorded = [entry.weights_fingerprint for entry in version.manifest.lineage]
    found = [ancestor.weights_fingerprint for ancestor in chain]
    if recorded and recorded[0] != version.manifest.base.weights_fingerprint:
        raise LingyuError(
            f"its lineage begins with weights {recorded[0][:12]}, but it was trained on "
            f"{version.manifest.base.weights_fingerprint[:12]}",
            where=version.reference,
            next="Train it again: what lies between the two is not known",
        )
    if recorded and recorded != found:
        raise LingyuError(
            f"was trained on the chain {_shown(recorded)}, but its base {base.id} goes back to {_shown(found)}",
            where=version.reference,
            next=_RESTORE,
        )
    _require_links(chain, base.folder / LINEAGE, _RESTORE)
    # the base may have lost what it once said of itself
    _require_links(version.manifest.lineage, version.reference, "Train it again, on a base whose chain is whole")
    return chain


def _require_links(chain: Sequence[Ancestor | LineageEntry], where: object, next: str) -> None:
    below = [ancestor.weights_fingerprint for ancestor in chain[1:]]
    for ancestor, parent in zip(chain, [*below, None], strict=False):
        if ancestor.parent != parent:
            raise LingyuError(
                f"a gap: {ancestor.id} ({ancestor.weights_fingerprint[:12]}) was made from {_named(ancestor.parent)}, "
                f"but below it comes {_named(parent)}",
                where=where,
                next=next,
            )


def _shown(fingerprints: Sequence[str]) -> str:
    return " <- ".join(fingerprint[:12] for fingerprint in fingerprints)


def _named(fingerprint: str | None) -> str:
    return "no other base" if fingerprint is None else fingerprint[:12]
