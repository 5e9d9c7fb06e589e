"""The command line of ``twistd ecm``, made from the fields of the settings."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from twisted.python import usage

from ecm import __version__
from ecm.config import daemon, endpoint, environment, exposed, help, secret
from ecm.config.build import TRUE
from ecm.config.check.run import run
from ecm.config.gathered import gathered
from ecm.config.printed import toml
from ecm.config.sources import FLAG, Source
from ecm.kernel import open_standard_files
from ecm.option import Option, titled
from ecm.settings import Settings

# All options, in groups with titles; and by name.
GROUPS: Final = tuple(titled(Settings, "General"))
OPTIONS: Final = {option.name: option for _, options in GROUPS for option in options}


class Options(usage.Options):
    """The texts that were given as flags, by the name of the option; and the settings.

    These are made of the flags, the environment, and the file of --config. ``warnings`` are for the
    log at start-up. A mistake ends the program with one line and exit status 1.
    """

    synopsis = "[options]"

    def __init__(self) -> None:
        open_standard_files()  # before there is a reactor, which opens the first of our own
        super().__init__()
        self.warnings: list[str] = []
        self._former: list[str] = []
        # What to do in the place of a start. Returns the exit status.
        self._instead: Callable[[], int] | None = None

    def opt_version(self) -> None:
        print(f"ecm {__version__}")
        raise SystemExit(0)

    def opt_check(self) -> None:
        self._instead = partial(run, self._read, asks=True)

    def opt_check_offline(self) -> None:
        self._instead = partial(run, self._read, asks=False)

    def opt_print_config(self) -> None:
        self._instead = self._print

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"twistd ecm: {error} (twistd ecm --help tells more)") from None

    def postOptions(self) -> None:
        try:
            if self.parent is not None:
                daemon.enter(self.parent)
            if self._instead is not None:
                raise SystemExit(self._instead())
            if self.parent is not None:
                daemon.check(self.parent)
            self.settings, self.warnings = self._read()
            endpoint.check_sockets(self.settings.ports)
        except ValueError as error:
            raise usage.UsageError(str(error)) from None

    def _read(self) -> tuple[Settings, list[str]]:
        """Return the settings, and what is to be warned of. Raises ValueError."""
        settings = self.again()
        said = environment.warnings(os.environ, OPTIONS)
        return settings, [*self._former, *said, *warnings(settings)]

    def _print(self) -> int:
        print(toml(self.again(), GROUPS), end="")
        return 0

    def again(self) -> Settings:
        """Read all sources, and all files that the settings name, as they are now.

        Raises ValueError, which says where the mistake is: ``FILE:LINE: …`` if it is in the file.
        """
        flags = {name: Source(tuple(texts), FLAG) for name, texts in self.items()}
        return gathered(flags, os.environ, OPTIONS)

    def getUsage(self, width: int | None = None) -> str:
        return help.text(GROUPS)


def warnings(settings: Settings) -> list[str]:
    """Return what is not safe about settings, or about the files that they name."""
    file = settings.texts["link-secret-file"]
    said = secret.warnings(file[-1] if file else None, settings.upstream)
    said += exposed.admin_warnings(settings.admin)
    return said + exposed.warnings(settings.stream + settings.stream_proxy_protocol)


def _taking(option: Option) -> Callable[..., None]:
    """Return the method that takes an option's text."""

    def take(self: Options, text: str) -> None:
        self.setdefault(option.name, []).append(text)

    def take_flag(self: Options) -> None:
        self[option.name] = [TRUE]

    return take if option.unit else take_flag


def _taking_former(option: Option) -> Callable[..., None]:
    """Return the method that takes an option's text under its former name, with a warning."""

    def take(self: Options, text: str) -> None:
        self._former.append(
            f"--{option.former} is now --{option.name}; the next release no longer accepts it"
        )
        self.setdefault(option.name, []).append(text)

    return take


def _add(name: str, method: Callable[..., None], description: str) -> None:
    """Add an option as usage.Options has them: a method named after it, documented for shells."""
    method.__doc__ = description
    setattr(Options, f"opt_{name.replace('-', '_')}", method)


for _, _options in GROUPS:
    for _option in _options:
        _add(_option.name, _taking(_option), _option.help)
        if _option.short:
            _add(_option.short, _taking(_option), _option.help)
        if _option.former:
            _add(_option.former, _taking_former(_option), f"Former name of --{_option.name}.")
