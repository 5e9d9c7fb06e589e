"""Makes ``twistd ecm`` known. Nothing of ours is imported: listing the plugins stays cheap."""

from typing import Any

from twisted.application.service import ServiceMaker


class _Maker(ServiceMaker):
    """Keeps signals from the moment in which it is known that ECM is to start."""

    @property
    def options(self) -> Any:
        from ecm import signals

        signals.keep()
        return super().options


ecm = _Maker("Megaphone ECM", "ecm.service", "Carry chat clients to ejabberd.", "ecm")
