"""Connections of clients: each request is handed to upstream, and answered."""
