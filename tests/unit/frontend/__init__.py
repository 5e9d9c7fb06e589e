"""Connections of clients, over the real protocols, joined in memory."""
