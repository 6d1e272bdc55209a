"""Where a base lies: the resolver, the hubs' clients behind one interface, and what is here already."""

from .listing import Found, bases_here
from .resolver import find_base, is_hub_id

__all__ = ["Found", "bases_here", "find_base", "is_hub_id"]
