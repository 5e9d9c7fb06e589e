"""Certificates on their way to workers: files in memory, which go along with a message."""

import os
import pickle
from collections.abc import Mapping
from typing import Final

from ecm.net.pems import Pems

# Bytes that are read at a time.
_READ: Final = 2**20


class Bundle:
    """The files of certificates of listeners, by the numbers of these, in a ``file`` in memory.

    It may have megabytes, which no message could.
    """

    def __init__(self, pems: Mapping[int, Pems]) -> None:
        self.file = os.memfd_create("certificates")
        with open(os.dup(self.file), "wb") as file:
            pickle.dump({number: {**each} for number, each in pems.items()}, file)

    def close(self) -> None:
        """Let go of it. Workers that were sent it have it still."""
        os.close(self.file)

    @staticmethod
    def read(file: int) -> Mapping[int, Pems]:
        """Return what is in the file of a bundle. Others may read it at the same time."""
        content = b""
        while part := os.pread(file, _READ, len(content)):
            content += part
        found: Mapping[int, Pems] = pickle.loads(content)
        return found
