"""A BOSH client without I/O: requests and answers as bytes, and the steps of a login."""
