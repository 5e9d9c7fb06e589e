"""Settings from all sources: flags, the environment, the file of --config, and the defaults."""

from collections.abc import Mapping

import attrs

from ecm.config import config_file, environment
from ecm.config.build import build
from ecm.config.sources import DEFAULT, Source, defaults, merged, placed
from ecm.option import Option
from ecm.settings import Settings


def gathered(
    flags: Mapping[str, Source], variables: Mapping[str, str], options: Mapping[str, Option]
) -> Settings:
    """Return the settings; ``options`` are all, by name. Raises ValueError, with the place."""
    given = merged([flags, environment.read(variables, options)])
    if "config" in given:
        within = {name: option for name, option in options.items() if name != "config"}
        given = merged([given, config_file.read(given["config"].texts[-1], within)])
    try:
        settings = build({name: source.texts for name, source in given.items()})
    except ValueError as error:
        raise ValueError(placed(str(error), given)) from None
    origins = merged([given, defaults(options.values())])
    if not settings.listen:
        origins["listen"] = Source((), DEFAULT)
    return attrs.evolve(
        settings,
        texts={name: source.texts for name, source in origins.items()},
        origins={name: source.where for name, source in origins.items()},
    )
