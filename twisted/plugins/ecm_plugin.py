"""Makes ``twistd ecm`` known. It imports nothing of ours, so that listing the plugins stays cheap."""

from twisted.application.service import ServiceMaker

ecm = ServiceMaker("Megaphone ECM", "ecm.service", "Carry BOSH connections to ejabberd.", "ecm")
