"""Where a sample comes from: a file of this machine, or an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from sluicegate.errors import BatchRefused, ConfigurationError, EnvironmentFailed
from sluicegate.sources.http import calls

MOST_BYTES = 256 << 20
"""Of what is downloaded: a sample needs no more."""


@contextmanager
def file_of(origin: str) -> Iterator[Path]:
    """The file of an origin; what is downloaded is gone afterwards.

    Raises:
        BatchRefused: the file is empty.
        ConfigurationError: there is no such file.
        EnvironmentFailed: it cannot be read, or the address does not answer.
    """
    if "://" not in origin:
        yield _local(Path(origin).expanduser())
        return
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "Only addresses of http and https can be read.",
            hint="name a file, or an address such as https://example.org/list.csv",
        )
    with TemporaryDirectory(prefix="sluicegate-") as folder:
        file = Path(folder) / (_plain(unquote(parts.path.rpartition("/")[2])) or "download")
        with calls("*/*") as caller:
            caller.download(origin, file, most=MOST_BYTES)
        yield _local(file)


def _local(file: Path) -> Path:
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no file"
        raise ConfigurationError(
            f"There is {what} where the sample should be.",
            where=str(file),
            hint="name a file, or an address that begins with http:// or https://",
        )
    try:
        with file.open("rb") as raw:
            begin = raw.read(1)
    except OSError as error:
        raise EnvironmentFailed(
            f"The file cannot be read: {error.strerror}.",
            where=str(file),
            hint="look at its permissions",
        ) from error
    if not begin:
        raise BatchRefused(
            "The file is empty.", where=file.name, hint="name a file that has records"
        )
    return file


def _plain(name: str) -> str:
    """A name without what patterns and folders are made of."""
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:100]
