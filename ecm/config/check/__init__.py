"""The check of a configuration (--check): what a start checks, and what only shows later."""
