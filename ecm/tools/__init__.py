"""Programs beside the server: the demo, the doctor, the swarm."""
