"""Clients and users, in processes of their own."""
