"""The folder with all files of a demo, and its lock."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from ecm.tools.errors import ProcessFailed, ToolError

# The name of the link's secret in the node's home.
LINK_SECRET = "link.secret"

# The name of the folder with the certificate.
CERTIFICATES = "certificates"


@attrs.frozen
class Folder:
    """The paths in it. Its folders exist, and only their owner can read them."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def www(self) -> Path:
        """The page, which ECM serves."""
        return self.path / "www"

    @property
    def ejabberd(self) -> Path:
        """The node's home: its configuration, its cookie and its database."""
        return self.path / "ejabberd"

    @property
    def link_secret(self) -> Path:
        """The shared secret of ECM and mod_ecm."""
        return self.ejabberd / LINK_SECRET

    @property
    def ebin(self) -> Path:
        """The compiled mod_ecm."""
        return self.path / "ebin"

    @property
    def certificates(self) -> Path:
        """The certificate of ECM for XMPP over TCP, and its key."""
        return self.path / CERTIFICATES

    @property
    def certificate(self) -> Path:
        """The certificate alone, for clients that are to trust it."""
        return self.certificates / "localhost.pem"

    @property
    def ejabberdctl(self) -> Path:
        return self.path / "ejabberdctl"


@contextmanager
def work_folder(path: Path | None) -> Iterator[Folder]:
    """Create and lock this folder; a temporary one for None. Raises ToolError if it is locked.

    The temporary one is removed at the end, unless a process failed: its log tells why.
    """
    if path is None:
        with _temporary_path() as path, _locked(path):
            yield _laid_out(path)
    else:
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            yield _laid_out(path)


@contextmanager
def _temporary_path() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="megaphone-"))
    worth_keeping = False
    try:
        yield path
    except ProcessFailed:
        worth_keeping = True
        raise
    finally:
        if not worth_keeping:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with (path / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolError(f"{path} is in use by another ecm-demo") from None
        yield


def _laid_out(path: Path) -> Folder:
    folder = Folder(path)
    for each in (folder.logs, folder.www, folder.ejabberd, folder.ebin, folder.certificates):
        each.mkdir(exist_ok=True)
        each.chmod(0o700)
    return folder
