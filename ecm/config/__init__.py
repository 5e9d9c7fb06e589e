"""What the operator says, as settings."""
