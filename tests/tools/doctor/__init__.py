"""ecm-doctor."""
