"""The wire protocol of the link."""
