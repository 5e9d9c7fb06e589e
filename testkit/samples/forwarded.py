"""Headers in which proxies name the client."""

# What the proxies say in X-Forwarded-For, and who the client is. The peer is 10.0.0.1.
X_FORWARDED_FOR = {
    "": "10.0.0.1",
    "192.0.2.7": "192.0.2.7",
    " 192.0.2.7 ": "192.0.2.7",
    "192.0.2.7:51234": "192.0.2.7",
    "198.51.100.1, 192.0.2.7": "192.0.2.7",  # the client made up what is left of it
    "192.0.2.7, 10.0.0.2": "192.0.2.7",
    "198.51.100.1, 192.0.2.7, 10.0.0.3, 10.0.0.2": "192.0.2.7",
    "10.0.0.3, 10.0.0.2": "10.0.0.3",
    "192.0.2.7, nonsense": "10.0.0.1",
    "192.0.2.7, nonsense, 10.0.0.2": "10.0.0.2",
    "unknown": "10.0.0.1",
    "2001:4860::1": "2001:4860::1",
    "[2001:4860::1]:443": "2001:4860::1",
    "::ffff:192.0.2.7": "192.0.2.7",
    "192.0.2.7, 2001:db8::5": "192.0.2.7",
    "192.0.2.256": "10.0.0.1",
    "192.0.2.07": "10.0.0.1",
}

# The same in Forwarded (RFC 7239).
FORWARDED_FOR = {
    "for=192.0.2.7": "192.0.2.7",
    "For=192.0.2.7;proto=https;by=10.0.0.1": "192.0.2.7",
    'proto=http; for="192.0.2.7:51234"': "192.0.2.7",
    'for="[2001:4860::1]:443"': "2001:4860::1",
    "for=198.51.100.1, for=192.0.2.7, for=10.0.0.2": "192.0.2.7",
    "for=_hidden": "10.0.0.1",
    "for=unknown, for=10.0.0.2": "10.0.0.2",
    "proto=https": "10.0.0.1",
    'for=192.0.2.7;ext="a, for=198.51.100.1"': "192.0.2.7",
    'for="192.0.2.7': "10.0.0.1",
    'for=""': "10.0.0.1",
    "for=": "10.0.0.1",
    'for="", for=10.0.0.2': "10.0.0.2",
    'for=198.51.100.1, for="", for=192.0.2.7': "192.0.2.7",
    'for="198.51.100.1, for=192.0.2.7': "192.0.2.7",  # the quote is the client's
    'for="198.51.100.1\\", for=192.0.2.7': "192.0.2.7",
    'for="fe80::1%eth0"': "fe80::1",
    'by="a\\"b,c";for=192.0.2.7': "192.0.2.7",
}

# Headers, and whether they say that the client has TLS. The peer is 10.0.0.1.
X_FORWARDED_PROTO = {
    (): None,
    (("X-Forwarded-For", "192.0.2.7"),): None,
    (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")): True,
    (("x-forwarded-proto", " HTTPS "), ("x-forwarded-for", "192.0.2.7, 10.0.0.2")): True,
    (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "http")): False,
    (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "ssl")): False,
    (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "")): None,
    # The client made up what is left of it.
    (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https, http")): False,
    (("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")): False,
    (("X-Forwarded-Proto", "https"),): True,
    (("X-Forwarded-For", "unknown"), ("X-Forwarded-Proto", "https")): True,
    (("Forwarded", "for=192.0.2.7;proto=https"),): None,
}

FORWARDED_PROTO = {
    (("Forwarded", "for=192.0.2.7"),): None,
    (("Forwarded", "for=192.0.2.7;proto=https"),): True,
    (("Forwarded", 'Proto="HTTPS" ; for=192.0.2.7'),): True,
    (("Forwarded", "for=192.0.2.7;proto=http"),): False,
    (("Forwarded", "proto=https"),): True,
    (("Forwarded", "for=_hidden;proto=https"),): True,
    (("Forwarded", "for=192.0.2.7;proto="),): None,
    # The entry counts that names the client.
    (("Forwarded", "for=192.0.2.7;proto=https, for=10.0.0.2;proto=http"),): True,
    (("Forwarded", "for=192.0.2.7;proto=https"), ("Forwarded", "for=10.0.0.2")): True,
    (("Forwarded", "for=198.51.100.1;proto=https, for=192.0.2.7;proto=http"),): False,
    (("Forwarded", "for=198.51.100.1;proto=https, for=192.0.2.7"),): None,
    (("Forwarded", "for=192.0.2.7"), ("X-Forwarded-Proto", "https")): None,
}
