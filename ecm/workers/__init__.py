"""Several servers: a supervisor that accepts, and worker processes that serve."""
