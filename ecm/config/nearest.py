"""Names that are near to a wrong one. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches

from ecm.option import Option


def nearest(name: str, options: Mapping[str, Option], cutoff: float = 0.6) -> str | None:
    """Return the name of the option that is probably meant, None if that is not clear."""
    now = {each.former: each.name for each in options.values() if each.former}
    found = get_close_matches(name.lower().replace("_", "-"), [*options, *now], 1, cutoff)
    return now.get(found[0], found[0]) if found else None
