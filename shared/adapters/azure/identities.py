"""The identity table in Table Storage: one partition, so that a claim binds all of its keys or none.

| key | row |
|---|---|
| ``k!<key>`` | the resource a key is bound to; bound again only when a person moves a number |
| ``r!<resource>`` | where it was merged to, and the facts that claims are compared with |
| ``generation`` | changes with every merge and move: who has an older one in memory reads anew |
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.adapters.azure.gatherer import Gatherer
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, tag_of
from shared.message.errors.storage import AzureUnavailable
from shared.message.work import batches_by_size
from shared.ports import IdentityClaim, Resolution

PARTITION = "identities"
GENERATION = "generation"
# A merge that another process has just made is seen after so long. A session moves to another process more slowly.
FRESH_SECONDS = 0.2
_REMEMBERED = 50_000  # keys, and as many resources
_TRIES = 20
_PAUSE_SECONDS = 0.01
_CALLS_IN_A_GROUP = 200


@dataclass(frozen=True, slots=True)
class _Resource:
    """A row of a resource; ``tag`` is None while there is none."""

    redirect: str = ""
    family: str = ""
    birth_date: str = ""
    tag: str | None = None


@dataclass(slots=True)
class _Draft:
    """What claims change, until it is written.

    Attributes:
        is_guess: What is not in memory is taken for new; the transaction fails where it is not.
    """

    is_guess: bool
    keys: dict[str, str] = field(default_factory=dict)
    resources: dict[str, _Resource] = field(default_factory=dict)


class AzureIdentities:
    """Which keys mean the same person or visit, and who was merged into whom."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._keys: dict[str, str] = {}
        self._former: dict[str, str] = {}  # what keys that were moved meant before
        self._resources: dict[str, _Resource] = {}
        self._generation: str | None = None
        self._looked = float("-inf")
        self._working = asyncio.Lock()
        self._resolving = Gatherer(self._resolve_calls, _CALLS_IN_A_GROUP)

    async def resolve(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        return await self._resolving.ask(list(claims)) if claims else []

    async def known(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        async with self._working:
            await self._refresh()
            await self._read_keys(key for claim in claims for key in claim.keys)
            return [await self._answer(claim, _Draft(is_guess=False)) for claim in claims]

    async def lookup(self, keys: Sequence[str]) -> list[str | None]:
        async with self._working:
            await self._refresh()
            await self._read_keys(keys)
            draft = _Draft(is_guess=False)
            return [await self._bound(key, draft) for key in keys]

    async def bound(self, keys: Sequence[str]) -> list[str | None]:
        async with self._working:
            await self._refresh()
            await self._read_keys(keys)
            return [self._keys.get(key) for key in keys]

    async def merge(self, prior: str, survivor: str) -> bool:
        async with self._working:
            for attempt in range(_TRIES):
                generation = await self._table.get(PARTITION, GENERATION)
                self._resources.clear()
                draft = _Draft(is_guess=False)
                path = await self._chain(survivor, draft)
                if prior in path:
                    return False
                before = await self._resource(prior, draft)
                try:
                    await self._write_merge(prior, replace(before, redirect=path[-1]), generation)
                except RowConflict:
                    await asyncio.sleep(_PAUSE_SECONDS * attempt)
                else:
                    return True
        raise AzureUnavailable("identities, merge")

    async def move(self, keys: Sequence[str], resource: str) -> None:
        async with self._working:
            for attempt in range(_TRIES):
                generation = await self._table.get(PARTITION, GENERATION)
                self._resources.clear()
                end = (await self._chain(resource, _Draft(is_guess=False)))[-1]
                rows = await asyncio.gather(*(self._table.get(PARTITION, _key_row(key)) for key in keys))
                pairs = zip(keys, rows, strict=True)
                steps = [Step("put", _key_row(key), _moved(row, end)) for key, row in pairs]
                try:
                    await self._write_edit(steps, generation)
                except RowConflict:
                    await asyncio.sleep(_PAUSE_SECONDS * attempt)
                else:
                    return
        raise AzureUnavailable("identities, move")

    async def _write_merge(self, prior: str, after: _Resource, generation: Row | None) -> None:
        """Write a redirect; two merges at a time cannot close a circle, for both change the generation."""
        await self._write_edit([_resource_step(prior, after)], generation)

    async def _write_edit(self, steps: Sequence[Step], generation: Row | None) -> None:
        """Write what a person edited, and that whoever remembers anything has to read it anew."""
        kind, tag = ("create", None) if generation is None else ("update", tag_of(generation))
        step = Step(kind, GENERATION, {"value": secrets.token_hex(8)}, tag)  # type: ignore[arg-type]
        await self._table.transact(PARTITION, [step, *steps])
        self._keys.clear()
        self._former.clear()
        self._resources.clear()
        self._looked = float("-inf")

    # Resolving

    async def _resolve_calls(self, calls: Sequence[list[IdentityClaim]]) -> list[list[Resolution]]:
        """Answer what several callers ask at once: messages of one request, and the partitions side by side."""
        claims = [claim for call in calls for claim in call]
        async with self._working:
            await self._refresh()
            parts = batches_by_size(claims, lambda claim: len(claim.keys) + 1, GROUP_LIMIT)
            resolutions = iter([resolution for part in parts for resolution in await self._resolve(part)])
        return [[next(resolutions) for _ in call] for call in calls]

    async def _resolve(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        """Return the answers to claims whose rows fit into one transaction."""
        for attempt in range(_TRIES):
            draft = _Draft(is_guess=attempt == 0)
            resolutions = [await self._answer(claim, draft) for claim in claims]
            if not draft.keys and not draft.resources:
                return resolutions
            try:
                await self._write(draft)
            except RowConflict:
                for name in draft.resources:
                    self._resources.pop(name, None)
                await self._read_keys(key for claim in claims for key in claim.keys)
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return resolutions
        raise AzureUnavailable("identities, resolve")

    async def _answer(self, claim: IdentityClaim, draft: _Draft) -> Resolution:
        """Return what is known of a claim, and put what it adds into the draft."""
        if not claim.keys:
            return Resolution(claim.minted)
        bound = [await self._bound(key, draft) for key in claim.keys]
        resources = list(dict.fromkeys(resource for resource in bound if resource is not None))
        name = resources[0] if resources else await self._minted(claim.minted, draft)
        known = await self._resource(name, draft)
        resolution = Resolution(name)
        if resources:
            former = await self._former_of(claim.keys, draft)
            resolution = Resolution(name, tuple(resources[1:]), known.family, known.birth_date, former)
            if resolution.contradicts(claim) and name not in draft.resources:
                # The facts in memory may be out of date.
                known = await self._read_resource(name)
                resolution = resolution._replace(family=known.family, birth_date=known.birth_date)
            if resolution.contradicts(claim):
                return resolution
        draft.keys.update({key: name for key, resource in zip(claim.keys, bound, strict=True) if resource is None})
        after = replace(known, family=claim.family or known.family, birth_date=claim.birth_date or known.birth_date)
        if after != known or known.tag is None:
            draft.resources[name] = after
        return resolution

    async def _write(self, draft: _Draft) -> None:
        steps = [_resource_step(name, resource) for name, resource in draft.resources.items()]
        steps += [Step("create", _key_row(key), {"resource": name}) for key, name in draft.keys.items()]
        tags = await self._table.transact(PARTITION, steps[:GROUP_LIMIT])
        for (name, resource), tag in zip(draft.resources.items(), tags, strict=False):
            self._remember_resource(name, replace(resource, tag=tag))
        self._remember_keys(draft.keys.items())

    # What is known

    async def _refresh(self) -> None:
        """Forget what is in memory where somebody has merged or moved anything since."""
        if time.monotonic() - self._looked < FRESH_SECONDS:
            return
        row = await self._table.get(PARTITION, GENERATION)
        generation = None if row is None else str(row["value"])
        if generation != self._generation:
            self._keys.clear()
            self._former.clear()
            self._resources.clear()
            self._generation = generation
        self._looked = time.monotonic()

    async def _read_keys(self, keys: Iterable[str]) -> None:
        unknown = [key for key in dict.fromkeys(keys) if key not in self._keys]
        rows = await asyncio.gather(*(self._table.get(PARTITION, _key_row(key)) for key in unknown))
        found = {key: row["resource"] for key, row in zip(unknown, rows, strict=True) if row is not None}
        self._former.update(
            {
                key: row["former"]
                for key, row in zip(unknown, rows, strict=True)
                if row is not None and row.get("former")
            }
        )
        self._remember_keys(found.items())

    async def _former_of(self, keys: Sequence[str], draft: _Draft) -> tuple[str, ...]:
        """Return what keys meant before they were moved, and before that was merged."""
        found: dict[str, None] = {}
        for key in keys:
            name = draft.keys.get(key) or self._keys.get(key)
            if name is not None:
                before = [self._former[key]] if key in self._former else []
                found.update(dict.fromkeys([*before, *(await self._chain(name, draft))[:-1]]))
        return tuple(found)

    async def _bound(self, key: str, draft: _Draft) -> str | None:
        """Return the resource a key is bound to, at the end of its chain."""
        name = draft.keys.get(key) or self._keys.get(key)
        return None if name is None else (await self._chain(name, draft))[-1]

    async def _chain(self, name: str, draft: _Draft) -> list[str]:
        """Return the resource and everything it was merged into, in order."""
        path = [name]
        while redirect := (await self._resource(path[-1], draft)).redirect:
            path.append(redirect)
        return path

    async def _resource(self, name: str, draft: _Draft) -> _Resource:
        return draft.resources.get(name) or self._resources.get(name) or await self._read_resource(name)

    async def _minted(self, name: str, draft: _Draft) -> str:
        """Return the resource of an id that no key in memory leads to: nearly always it has just been minted."""
        if draft.is_guess and name not in draft.resources and name not in self._resources:
            draft.resources[name] = _Resource()
            return name
        return (await self._chain(name, draft))[-1]

    async def _read_resource(self, name: str) -> _Resource:
        row = await self._table.get(PARTITION, _resource_row(name))
        resource = _Resource() if row is None else _resource_of(row)
        self._remember_resource(name, resource)
        return resource

    def _remember_keys(self, found: Iterable[tuple[str, str]]) -> None:
        self._keys.update(found)
        while len(self._keys) > _REMEMBERED:
            del self._keys[next(iter(self._keys))]

    def _remember_resource(self, name: str, resource: _Resource) -> None:
        self._resources[name] = resource
        if len(self._resources) > _REMEMBERED:
            del self._resources[next(iter(self._resources))]


def _resource_step(name: str, resource: _Resource) -> Step:
    columns = {"redirect": resource.redirect, "family": resource.family, "birth_date": resource.birth_date}
    return Step("create" if resource.tag is None else "update", _resource_row(name), columns, resource.tag)


def _resource_of(row: Row) -> _Resource:
    return _Resource(row["redirect"], row["family"], row["birth_date"], tag_of(row))


def _moved(row: Row | None, resource: str) -> Row:
    """Return the columns of a key that is moved: moved again to where it is, it remembers where it was."""
    if row is None:
        return {"resource": resource}
    former = row.get("former", "") if row["resource"] == resource else row["resource"]
    return {"resource": resource, "former": former}


def _key_row(key: str) -> str:
    return f"k!{key}"


def _resource_row(name: str) -> str:
    return f"r!{name}"
