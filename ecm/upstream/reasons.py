"""Reasons for a connection to ejabberd that fails, in words. Pure."""

from typing import Any, Final

_UNTRUSTED: Final = (
    "its certificate cannot be verified: it has expired, or nobody has signed it whom this machine"
    " trusts; name the authority with :trustRoots=FOLDER behind the endpoint"
)


def reason(error: BaseException | None) -> str:
    """Return why there is no connection, in one line.

    Errors of TLS are known by their form, as the packages that have them may be missing.
    """
    mismatches = getattr(error, "errors", None)
    if isinstance(mismatches, list | tuple) and mismatches:
        return f"its certificate is not for {_name(mismatches[0])}: connect to a name that it has"
    faults = [each[-1] for each in _openssl(error)]
    if "certificate verify failed" in faults:
        return _UNTRUSTED
    if faults:
        return f"no TLS: {', '.join(faults)}; does mod_ecm have tls: true there?"
    return " ".join(str(error).split()) or type(error).__name__


def _openssl(error: BaseException | None) -> list[Any]:
    """Return the errors (library, function, reason) of an error of pyOpenSSL."""
    listed = error.args[0] if error is not None and error.args else None
    if not isinstance(listed, list):
        return []
    return [each for each in listed if isinstance(each, tuple) and isinstance(each[-1], str)]


def _name(mismatch: Any) -> str:
    """Return the name that the certificate is not for (service_identity)."""
    wanted = getattr(mismatch, "mismatched_id", None)
    name = getattr(wanted, "hostname", None) or getattr(wanted, "ip", None)
    return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
