"""Compares what came with what a script expects.

What an element of the pattern has, the element that came has to have: its name, its attributes, its
children in this order and no others, its text. Attributes that the pattern does not name are free.
Where the pattern has ``...`` between children, any others may come; where it has ``...`` for a
text, any text. What a server adds to a message is free, too.
"""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from conformance.body import CLIENT, short, shown
from conformance.pattern import matches

GAP = "..."


def differences(pattern: Element, came: Element, path: str = "") -> list[str]:
    """Return the differences from the expectation, one line each; none if it matches."""
    path = f"{path}/{short(came.tag)}"
    if pattern.tag != came.tag:
        return [f"{path}: expected {_name(pattern)}, came {_name(came)}"]
    return [
        *_attribute_differences(pattern, came, path),
        *_text_differences(pattern, came, path),
        *content_differences(list(items(pattern)), _named_content(pattern, came), path),
    ]


def _named_content(pattern: Element, came: Element) -> list[Element]:
    """The children, but for what servers add to a message without being asked, as an archive's ID:
    what is of another namespace than the message, and not in the pattern.
    """
    if came.tag != f"{{{CLIENT}}}message":
        return list(came)
    named = {child.tag for child in pattern}
    return [child for child in came if child.tag in named or child.tag.startswith(f"{{{CLIENT}}}")]


def items(pattern: Element) -> Iterator[Element | None]:
    """The children of a pattern, with None for each gap."""
    if GAP in (pattern.text or ""):
        yield None
    for child in pattern:
        yield child
        if GAP in (child.tail or ""):
            yield None


def content_differences(
    expected: Sequence[Element | None], came: Sequence[Element], path: str
) -> list[str]:
    """The same for a sequence of elements, with None for each gap."""
    if _fits(expected, came):
        return []
    wanted = [element for element in expected if element is not None]
    if len(wanted) < len(expected):
        return [_lost(wanted, came, path)]
    found = []
    for pattern, element in zip(wanted, came, strict=False):
        found += differences(pattern, element, path)
    found += [f"{path}: expected {shown(pattern)}, came no more" for pattern in wanted[len(came) :]]
    found += [f"{path}: not expected: {shown(element)}" for element in came[len(wanted) :]]
    return found


def _fits(expected: Sequence[Element | None], came: Sequence[Element]) -> bool:
    """The places up to which what came may fit so far, pattern by pattern: time is linear in it."""
    places = {0}
    for pattern in expected:
        if pattern is None:
            places = set(range(min(places, default=len(came) + 1), len(came) + 1))
        else:
            places = {
                place + 1
                for place in places
                if place < len(came) and not differences(pattern, came[place])
            }
    return len(came) in places


def _lost(expected: Sequence[Element], came: Sequence[Element], path: str) -> str:
    """Name the first element that is not to be found in its place."""
    place = 0
    for wanted in expected:
        hits = (at for at in range(place, len(came)) if not differences(wanted, came[at]))
        hit = next(hits, None)
        if hit is None:
            among = ", ".join(_name(element) for element in came) or "nothing"
            return f"{path}: expected {shown(wanted)}, came {among}"
        place = hit + 1
    return f"{path}: more elements than expected, or in another order"


def _attribute_differences(pattern: Element, came: Element, path: str) -> Iterator[str]:
    for name, wanted in pattern.attrib.items():
        value = came.get(name)
        if not matches(wanted, value):
            said = "there is none" if value is None else f"came '{value}'"
            yield f"{path} {short(name)}: expected '{wanted}', {said}"


def _text_differences(pattern: Element, came: Element, path: str) -> Iterator[str]:
    wanted, text = (pattern.text or "").strip(), (came.text or "").strip()
    if GAP not in wanted and len(pattern) == 0 and not matches(wanted, text):
        yield f"{path}: expected the text '{wanted}', came '{text}'"


def _name(element: Element) -> str:
    namespace = element.tag.rpartition("}")[0].removeprefix("{")
    return f"<{short(element.tag)} xmlns='{namespace}'>"
