"""Tables of inputs for more than one kind of test: of a module, of all of ECM, and fuzzing."""
