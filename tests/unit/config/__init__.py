"""The options of the operator."""
