"""HTTP as clients speak it."""
