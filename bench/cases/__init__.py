"""Each case measures one thing, beside others that can do it."""
