"""The rules of workers."""
