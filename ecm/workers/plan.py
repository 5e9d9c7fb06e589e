"""The settings that an operator wants, as a supervisor of workers needs them. Pure."""

import attrs

from ecm.settings import Settings


@attrs.frozen
class Plan:
    """The settings as they were given, and the share of each worker.

    ``warnings`` say what is not safe about them.
    """

    settings: Settings
    shares: tuple[Settings, ...]
    warnings: tuple[str, ...] = ()
