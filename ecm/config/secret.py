"""The file with the secret of the link."""

from collections.abc import Sequence
from pathlib import Path

from ecm.limits import MIN_SECRET
from ecm.net.pem_file import read_file

_OPEN_FILE = (
    "other users of this machine can get at the secret in {file}, its mode is {mode:04o}:"
    " chmod o= {file}"
)
_NO_SECRET = (
    "the link has no secret: whoever listens at {} while ejabberd is down receives passwords; set"
    " --link-secret-file here and secret_file for mod_ecm"
)


_SAFE = ("unix:", "tls:", "dns:tls:", "srv:tls:")


def read(file: str) -> bytes:
    """Return the secret in a file, without white space at its end.

    Raises ValueError, which says why there is none.
    """
    try:
        secret = read_file(Path(file)).rstrip()
    except OSError as error:
        raise ValueError(error.strerror) from None
    if len(secret) < MIN_SECRET:
        raise ValueError(
            f"a secret has at least {MIN_SECRET} bytes, this one has {len(secret)};"
            " head -c 32 /dev/urandom | base64 makes one"
        )
    return secret


def warnings(file: str | None, upstream: Sequence[str]) -> list[str]:
    """Return what is not safe about the secret in ``file``, or about its absence."""
    if file is None:
        unsafe = [each for each in upstream if not each.startswith(_SAFE)]
        return [_NO_SECRET.format(" ".join(unsafe))] if unsafe else []
    mode = Path(file).stat().st_mode & 0o777
    return [_OPEN_FILE.format(file=file, mode=mode)] if mode & 0o007 else []
