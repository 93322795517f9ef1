"""A store on S3-compatible object storage.

Imported only where a lake is on object storage. An object is made by a conditional PUT
(``If-None-Match: *``); what was fetched once is kept on this machine, because nothing is rewritten.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import stamina
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.access import Access
from sluicegate.lake.archive import digest_of
from sluicegate.lake.store import DataFiles, Stored
from sluicegate.packing import KEPT
from sluicegate.settings import Address, Settings

if TYPE_CHECKING:
    from obstore.store import S3Credential

PROBE = "probe"
"""The one object that is made for its own sake: by trying to make it again, we see what holds."""

WRITER = "writer"
"""Metadata of an object that tells whose attempt made it."""

UNUSED = timedelta(days=7)
"""What was not asked for so long is fetched again when it is."""

SILENCE = timedelta(seconds=20)
"""How long the other end may say nothing."""

PATIENCE = timedelta(seconds=40)
"""How long a request that may be repeated is repeated."""

_NAMED_AFTER_CONTENT = ("catalogs/", "archive/")
_KEPT = (*_NAMED_AFTER_CONTENT, "evidence/")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3} [A-Z][A-Za-z ]+)")
_again = stamina.RetryingCaller(
    attempts=3, timeout=PATIENCE.total_seconds(), wait_initial=0.1, wait_max=1.0
).on((GenericError, AlreadyExistsError))


class Bucket:
    """A store below an address on object storage.

    Attributes:
        address: what people know it by.
        workspace: folder of this machine for branches, locks and what was fetched.
    """

    def __init__(
        self, place: Address, access: Access, workspace: Path, setting: str = "lake"
    ) -> None:
        self.address = str(place)
        self.workspace = workspace.absolute()
        self._place = place
        self._access = access
        self._setting = setting
        self._cache = self.workspace / "cache"
        self._client = _client(place, access)

    @classmethod
    def of(cls, settings: Settings, place: Address) -> Bucket:
        """The store at an address, as the settings say it is reached.

        Raises:
            ConfigurationError: there are no credentials.
        """
        access = Access.of(settings.lake)
        # The same address may be another bucket elsewhere.
        digest = hashlib.sha256(f"{access.endpoint} {place}".encode()).hexdigest()[:12]
        workspace = settings.lake.workspace or settings.state / "lake" / digest
        return cls(place, access, workspace)

    @property
    def files(self) -> DataFiles:
        """Where DuckDB writes data files."""
        spill = self.workspace / "spill"
        return DataFiles(f"{self.address}/files/", spill, self._access.for_duckdb())

    def prepare(self) -> None:
        """Be sure that we may write, and that the storage never overwrites what it shall not.

        Raises:
            EnvironmentFailed: we may not, it does, or there is no such bucket.
        """
        try:
            durable.make_folder(self._cache)
            self._forget_unused()
        except OSError as error:
            raise EnvironmentFailed(
                f"The folder for work on the lake cannot be written: {error.strerror or error}.",
                where=str(self.workspace),
                hint="give this user write permission, or set SLUICEGATE_LAKE__WORKSPACE elsewhere",
            ) from error
        # It is there but for the first time; then it takes two.
        if self.create(PROBE, b"probe\n") and self.create(PROBE, b"probe\n"):
            raise EnvironmentFailed(
                "This object storage overwrites objects that it is told to leave alone: two runs"
                " that publish at once could undo each other's work.",
                where=self._access.endpoint,
                hint="use a service (or a version of it) that honours PUT with If-None-Match: *",
            )

    def where(self, key: str) -> str:
        """Address of an object."""
        return f"{self.address}/{key}"

    def list(self, prefix: str) -> Iterator[Stored]:
        """Every object below a prefix."""
        with self._asking(prefix):
            for some in self._client.list(prefix, chunk_size=1000):
                for each in some:
                    yield Stored(each["path"], each["size"], each["last_modified"])

    def names(self, prefix: str, after: str = "") -> Iterator[str]:
        """Names right below a prefix; those up to ``after`` are not even asked for."""
        with self._asking(prefix):
            if after:
                found = self._client.list(prefix, offset=prefix + after).collect()
            else:
                found = self._client.list_with_delimiter(prefix)["objects"]
            keys = [each["path"] for each in found]
        names = (key.removeprefix(prefix) for key in keys)
        yield from (name for name in names if "/" not in name)

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        try:
            with self._asking(key):
                self._client.head(key)
        except FileNotFoundError:
            return False
        return True

    def stored(self, key: str) -> Stored:
        """Size and moment of an object, as it is there now.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._asking(key):
            found = self._client.head(key)
        return Stored(key, found["size"], found["last_modified"])

    def read(self, key: str) -> bytes:
        """Content of an object, as it is there now."""
        with self._asking(key):
            return bytes(self._client.get(key).bytes())

    def stream(self, key: str) -> Iterator[bytes]:
        """Content of an object, piece by piece."""
        with self._asking(key):
            for piece in self._client.get(key).stream(min_chunk_size=1 << 20):
                yield bytes(piece)

    def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Contents of several objects, asked for together."""
        if len(keys) < 2:
            return [self.read(key) for key in keys]
        with ThreadPoolExecutor(min(len(keys), 16)) as pool:
            return list(pool.map(self.read, keys))

    def create(self, key: str, content: bytes) -> bool:
        """Make an object that nobody made before; say whether it was us.

        The answer to a PUT may be lost, and the PUT be repeated on top of its own success. So an
        object carries whose attempt made it, and who finds it taken looks there.
        """
        with self._asking(key):
            return _again(self._create, key, content, uuid4().hex)

    def _create(self, key: str, content: bytes, attempt: str) -> bool:
        try:
            self._client.put(key, content, mode="create", attributes={WRITER: attempt})
        except BaseError:
            writer = self._writer(key)
            if writer is None:
                # Nobody's yet: the other end was busy, or did not hear us.
                raise
            return writer == attempt
        return True

    def _writer(self, key: str) -> str | None:
        """Whose attempt made an object; None if there is none."""
        try:
            with self._asking(key):
                return str(self._client.get(key).attributes.get(WRITER, ""))
        except FileNotFoundError:
            return None

    def settle(self, draft: Path, key: str) -> None:
        """Upload a finished file, and keep it on this machine if it is of use here."""
        with self._asking(key):
            self._client.put(key, draft)
        if key.startswith(_KEPT):
            self._keep(draft, key)
        else:
            draft.unlink()

    def local(self, key: str) -> Path:
        """The file that was fetched or uploaded from here, or else fetched now.

        Raises:
            FileNotFoundError: there is no such object.
            EnvironmentFailed: it is not what its name promises.
        """
        file = self._cache / key
        if file.is_file():
            with suppress(OSError):
                os.utime(file)
            return file
        draft = durable.make_folder(self._cache) / f".{uuid4().hex}"
        try:
            with draft.open("xb") as target:
                target.writelines(self.stream(key))
            self._verify(draft, key)
            self._keep(draft, key)
        finally:
            draft.unlink(missing_ok=True)
        return file

    def _verify(self, fetched: Path, key: str) -> None:
        if not key.startswith(_NAMED_AFTER_CONTENT):
            return
        digest = digest_of(fetched, packed=key.endswith(KEPT))
        if Path(key).name.partition(".")[0] not in (f"g{(digest or '')[:12]}", digest):
            raise EnvironmentFailed(
                f"{Path(key).name} is not what its name says: its content was changed.",
                where=self.where(key),
                hint="restore the object from a backup; if it is a generation, you may also roll"
                " back to another one",
            )

    def _keep(self, draft: Path, key: str) -> None:
        draft.chmod(0o444)
        durable.settle(draft, self._cache / key)

    def sync(self, keys: set[str]) -> None:
        """Nothing is left to do: what DuckDB has written was acknowledged."""

    def remove(self, key: str) -> None:
        """Remove an object for good, here and there."""
        with suppress(FileNotFoundError), self._asking(key):
            self._client.delete(key)
        (self._cache / key).unlink(missing_ok=True)

    def _forget_unused(self) -> None:
        last = time.time() - UNUSED.total_seconds()
        for file in self._cache.rglob("*"):
            with suppress(FileNotFoundError):
                if file.is_file() and file.stat().st_mtime < last:
                    file.unlink()

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        """Name what goes wrong at the other end; an absent object is a FileNotFoundError."""
        _require_own_threads()
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from None
            raise FileNotFoundError(key) from None
        except BaseError as error:
            # The answer is not quoted: it may repeat whose key it refuses.
            raise self._failed(key, error) from None

    def _failed(self, key: str, error: BaseError) -> EnvironmentFailed:
        text = str(error)
        code, status = _CODE.search(text), _STATUS.search(text)
        if code and code[1] == "NoSuchBucket":
            return self._no_bucket()
        why = code[1] if code else status[1].strip() if status else ""
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or " 403 " in text:
            return EnvironmentFailed(
                f"The object storage refuses our credentials ({why or 'no permission'}).",
                where=f"{self.where(key)} at {self._access.endpoint}",
                hint=f"check SLUICEGATE_{self._setting.upper()}__KEY_ID and "
                f"SLUICEGATE_{self._setting.upper()}__SECRET; whose they are must be allowed to "
                f"list{', read and write' if self._setting == 'lake' else ' and read'} below this "
                "address",
            )
        if not why:
            why = "no answer in time" if "Timeout" in text else "no connection"
        return EnvironmentFailed(
            f"The object storage cannot be used: {why}.",
            where=f"{self.where(key)} at {self._access.endpoint}",
            hint=f"check {self._setting}.endpoint, {self._setting}.region and the network; then "
            "run again",
        )

    def _no_bucket(self) -> EnvironmentFailed:
        return EnvironmentFailed(
            f"There is no bucket called {self._place.bucket!r}.",
            where=self._access.endpoint,
            hint="make it with the tools of your provider, or correct "
            f"{self._setting}.root or {self._setting}.endpoint",
        )


_started_in: int | None = None


def _require_own_threads() -> None:
    """Refuse what would hang: the client's threads do not come along when a process forks."""
    global _started_in  # noqa: PLW0603 - the client has its threads once in a process, too.
    _started_in = _started_in or os.getpid()
    if _started_in != os.getpid():
        raise EnvironmentFailed(
            "This process is a fork of one that used object storage before, which cannot work.",
            hint="start processes anew: multiprocessing.set_start_method('spawn')",
        )


def _client(place: Address, access: Access) -> S3Store:
    credentials: S3Credential = {
        "access_key_id": access.key_id,
        "secret_access_key": access.secret,
        "token": access.token or None,
        "expires_at": None,
    }
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        region=access.region,
        # Both, and all that follows: what is left out is taken from variables, if there are any.
        endpoint=access.endpoint,
        aws_endpoint_url_s3=access.endpoint,
        credential_provider=lambda: credentials,
        skip_signature=False,
        virtual_hosted_style_request=False,
        # Some services do not know how to remove many at once, and we remove one.
        disable_bulk_delete=True,
        client_options={
            "allow_http": access.plain,
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": SILENCE,
            # Of a whole request: a large object over a slow line takes its time.
            "timeout": timedelta(hours=1),
        },
        retry_config={"max_retries": 4, "retry_timeout": PATIENCE},
    )
