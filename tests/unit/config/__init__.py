"""What the operator says."""
