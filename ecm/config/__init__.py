"""Settings from the command line."""
