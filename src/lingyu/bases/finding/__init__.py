"""Where a base lies: the resolver, the hubs' clients behind one interface, and what is here already."""

from .hub import Hub
from .listing import Found, base_here, bases_here, hub_asked_for
from .resolver import find_base, is_hub_id

__all__ = ["Found", "Hub", "base_here", "bases_here", "find_base", "hub_asked_for", "is_hub_id"]
