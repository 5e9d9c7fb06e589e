"""Static files, for all paths without another handler."""
