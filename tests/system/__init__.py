"""The whole stack, with a real ejabberd."""
