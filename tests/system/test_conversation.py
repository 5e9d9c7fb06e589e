"""Conversations over BOSH through the whole stack: ECM, link, mod_ecm and a real ejabberd."""

from testkit import conversation_case


class ConversationTests(conversation_case.ConversationCase):
    """What clients and ejabberd say to each other, with nothing in front of ECM."""
