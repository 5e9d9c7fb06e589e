"""A soak: users who come and go for hours, and whether anything grows meanwhile."""
