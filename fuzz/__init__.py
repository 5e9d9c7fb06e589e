"""Coverage-guided fuzzing of what reads bytes from outside, with atheris.

``python -m fuzz TARGET`` runs one of the targets for a minute. See ``__main__.py``.
"""
