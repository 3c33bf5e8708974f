"""Blob Storage in memory, and a client of one container that answers as `azure.storage.blob.aio.ContainerClient`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.doubles.in_process.reach import Reach, at_once


class Blob(NamedTuple):
    """A blob; the names of its attributes are those of the SDK's properties."""

    name: str
    content: bytes
    last_modified: datetime

    @property
    def size(self) -> int:
        return len(self.content)


class BlobStore:
    """What is kept of a container, whoever asks; when a blob was written is said by the service's own clock."""

    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}

    async def upload(self, name: str, data: bytes) -> None:
        """Keep a new blob.

        Raises:
            ResourceExistsError: it is not new.
        """
        if name in self._blobs:
            raise _with_status(ResourceExistsError("there already"), 409)
        self._blobs[name] = Blob(name, data, datetime.now(UTC))

    async def read(self, name: str, offset: int, length: int) -> bytes:
        """Return a part of a blob.

        Raises:
            HttpResponseError: there is no such blob, or it ends before the part begins.
        """
        blob = self._blobs.get(name)
        if blob is None:
            raise _with_status(ResourceNotFoundError("no such blob"), 404)
        if offset >= blob.size:
            raise _with_status(HttpResponseError("no such range"), 416)
        return blob.content[offset : offset + length]

    async def list(self, prefix: str) -> list[Blob]:
        """Return the blobs whose names begin so."""
        return [blob for name, blob in sorted(self._blobs.items()) if name.startswith(prefix)]

    async def delete(self, name: str) -> None:
        """Forget a blob.

        Raises:
            ResourceNotFoundError: there is none.
        """
        if self._blobs.pop(name, None) is None:
            raise _with_status(ResourceNotFoundError("no such blob"), 404)


class ContainerDouble:
    """A client of the container."""

    def __init__(self, store: BlobStore, reach: Reach = at_once) -> None:
        self._store, self._reach = store, reach

    async def upload_blob(self, name: str, data: bytes, *, overwrite: bool) -> None:
        assert not overwrite, "a blob is written once"
        await self._reach("blob.upload", self._store.upload, name, data)

    async def download_blob(self, name: str, *, offset: int, length: int) -> _Download:
        return _Download(await self._reach("blob.get", self._store.read, name, offset, length))

    async def list_blobs(self, *, name_starts_with: str) -> AsyncIterator[Blob]:
        for blob in await self._reach("blob.list", self._store.list, name_starts_with):
            yield blob

    async def delete_blob(self, name: str) -> None:
        await self._reach("blob.delete", self._store.delete, name)

    async def close(self) -> None:
        """Nothing is open."""


class _Download:
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def readall(self) -> bytes:
        return self._content


def _with_status(error: Any, status: int) -> Any:
    error.status_code = status
    return error
