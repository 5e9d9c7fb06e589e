"""Makes ``twistd ecm`` known. Nothing of ours is imported: listing the plugins stays cheap."""

from twisted.application.service import ServiceMaker

ecm = ServiceMaker("Megaphone ECM", "ecm.service", "Carry chat clients to ejabberd.", "ecm")
