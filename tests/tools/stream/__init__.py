"""The client of streams that the swarm has."""
