"""ecm.net in memory."""
