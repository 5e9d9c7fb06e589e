"""Conversations over BOSH through the whole stack: ECM, link, mod_ecm and a real ejabberd."""

from testkit import conversation_case


class ConversationTests(conversation_case.ConversationCase):
    """Conversations of clients and ejabberd, with nothing in front of ECM."""
