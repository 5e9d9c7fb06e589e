"""ecm-swarm."""
