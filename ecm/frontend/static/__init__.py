"""Static files, for the paths that are no other handler's."""
