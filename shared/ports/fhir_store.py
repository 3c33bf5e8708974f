"""A FHIR R4 server, as far as the hub needs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Stored:
    """A resource as the store holds it; read no further than it is asked for.

    Args:
        resource: The resource, or how to read it.
        text: All but its ``meta`` as JSON, in the bytes that writing it from the same members, in the same order, would
            give; empty where the store does not keep it so.
        meta: Its ``meta``, or how to read it; None: it is read with the resource.
    """

    __slots__ = ("_meta", "_resource", "text", "version")

    def __init__(
        self,
        resource: dict[str, Any] | Callable[[], dict[str, Any]],
        version: str,
        text: bytes = b"",
        meta: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self._resource = resource
        self._meta: dict[str, Any] | Callable[[], dict[str, Any]] | None = meta
        self.version = version
        self.text = text

    @property
    def resource(self) -> dict[str, Any]:
        """The content."""
        if callable(self._resource):
            self._resource = self._resource()
        return self._resource

    @property
    def meta(self) -> dict[str, Any]:
        """Its ``meta``; empty when it has none."""
        meta = self._meta
        if callable(meta):
            meta = meta()
        elif meta is None:
            meta = self.resource.get("meta", {})
        self._meta = meta
        return meta


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write.

    Attributes:
        reference: ``Patient/<id>``.
        resource: The new content.
        if_match: The version it was computed from; None: it must not exist yet.
        text: All but its ``meta`` as JSON, where that is at hand (see `Stored`); empty: whoever wants it writes it.
    """

    reference: str
    resource: dict[str, Any]
    if_match: str | None
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class MetaWrite:
    """One conditional write that changes nothing but ``meta``.

    Attributes:
        meta: All of the new one.
        stored: What it was computed from.
    """

    reference: str
    meta: dict[str, Any]
    stored: Stored

    @property
    def resource(self) -> dict[str, Any]:
        """The new content, for a store that takes resources whole."""
        return {**self.stored.resource, "meta": self.meta}

    @property
    def if_match(self) -> str:
        """The version it was computed from."""
        return self.stored.version


class FhirStore(Protocol):
    """A FHIR R4 server, as far as the hub writes to one."""

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        """Return the resources that exist, by ``Type/id``."""
        ...

    async def write(self, writes: Sequence[Write | MetaWrite]) -> None:
        """Write all or nothing, durable on return.

        Raises:
            VersionConflict: one of them does not match; nothing was written.
        """
        ...

    async def search(self, resource_type: str, parameters: Mapping[str, str], limit: int = 50) -> list[Stored]:
        """Return resources by ``_id``, ``identifier``, ``patient``/``subject``; newest first."""
        ...

    async def counts(self) -> dict[str, int]:
        """Return the number of resources by type."""
        ...
