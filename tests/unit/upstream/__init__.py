"""Links, and what is in flight on them."""
