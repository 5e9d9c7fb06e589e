"""Objects of attrs classes, out of the dictionaries that attrs.asdict made of them."""

from typing import Any, get_args, get_origin

import attrs


def structured(kind: Any, data: Any) -> Any:
    """Return what was written as ``data``, of this type. What a class has no field for any more is
    left out; what was not written yet gets its default. Raises TypeError where it has none."""
    if attrs.has(kind):
        types = attrs.fields_dict(attrs.resolve_types(kind))
        given = {name: types[name].type for name in data if name in types and types[name].init}
        return kind(**{name: structured(each, data[name]) for name, each in given.items()})
    arguments = get_args(kind)
    if get_origin(kind) is list:
        return [structured(arguments[0], each) for each in data]
    if get_origin(kind) is dict:
        return {key: structured(arguments[1], each) for key, each in data.items()}
    classes = [each for each in arguments if attrs.has(each)]  # of a class or None
    return structured(classes[0], data) if classes and data is not None else data
