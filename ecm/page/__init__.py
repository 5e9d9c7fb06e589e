"""The status page: what the processes tell of themselves, as HTML that a person reads. Pure."""
