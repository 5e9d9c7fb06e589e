"""The log of ECM."""
