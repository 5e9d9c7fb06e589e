"""Tests in memory: no process, no socket, seconds."""
