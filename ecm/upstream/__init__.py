"""The way to ejabberd: links, and the requests in flight on each."""
