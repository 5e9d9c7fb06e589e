"""The certificates of endpoints: whether there are others now, and whether they are fit."""

from collections.abc import Mapping

from ecm.net.endpoints import has_tls
from ecm.net.pems import Pems, contexts, read, stamp
from ecm.settings import Settings


class Certificates:
    """Knows the state of the files that were looked at last, and which were good."""

    def __init__(self, settings: Settings) -> None:
        self._endpoints = {
            number: each for number, each in enumerate(settings.endpoints) if has_tls(each)
        }
        self._lean = settings.lean_tls
        self._good = self._seen = self._stamp()

    def know(self) -> None:
        """Take the files for those that are in force, as they are now."""
        self._good = self._seen = self._stamp()

    def have_changed(self) -> bool:
        """Return whether the files are not those that are in force."""
        return self._stamp() != self._good

    def have_just_changed(self) -> bool:
        """Return whether they are neither those, nor what this was last asked about."""
        before, self._seen = self._seen, self._stamp()
        return self._seen not in (self._good, before)

    def read(self) -> Mapping[int, Pems]:
        """Return the files of each endpoint, by its number. Raises ValueError if one is not fit."""
        found, now = {}, self._stamp()
        for number, endpoint in self._endpoints.items():
            try:
                found[number] = read(endpoint)
                contexts(endpoint, found[number], self._lean)
            except Exception as error:  # whatever OpenSSL and Twisted raise
                raise ValueError(f"{endpoint}: {error}") from None
        self._good = self._seen = now
        return found

    @property
    def endpoints(self) -> str:
        """Those that have certificates, for the log."""
        return " ".join(self._endpoints.values())

    def _stamp(self) -> tuple[object, ...]:
        return tuple(stamp(endpoint) for endpoint in self._endpoints.values())
