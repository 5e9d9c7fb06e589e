"""Snapshots of a process."""
