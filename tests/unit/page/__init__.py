"""The status page, from what processes tell."""
