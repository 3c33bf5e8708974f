"""The identity table in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from shared.adapters.local.database import Database, Query, query_of
from shared.ports import IdentityClaim, Resolution

SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (
    key TEXT PRIMARY KEY, resource TEXT NOT NULL, former TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resource (
    resource TEXT PRIMARY KEY, redirect TEXT, family TEXT NOT NULL DEFAULT '', birth_date TEXT NOT NULL DEFAULT '')
    WITHOUT ROWID;
"""

_MERGE = (
    "INSERT INTO resource (resource, redirect) VALUES (?, ?) ON CONFLICT DO UPDATE SET redirect = excluded.redirect"
)
_MOVE = """INSERT INTO identity (key, resource) VALUES (?, ?) ON CONFLICT DO UPDATE
    SET former = resource, resource = excluded.resource WHERE resource <> excluded.resource"""
_FACTS = """INSERT INTO resource (resource, family, birth_date) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
    family = CASE excluded.family WHEN '' THEN family ELSE excluded.family END,
    birth_date = CASE excluded.birth_date WHEN '' THEN birth_date ELSE excluded.birth_date END"""

COMPLETE_LIMIT = 8192
_Facts = tuple[str, str, str, tuple[str, ...]]  # resource, family, birth date, what it was before


def _claimed(count: int) -> str:
    """Return the question what so many keys are bound to; and, without a key, where the resource after them ends."""
    return f"""SELECT key, resource, former, redirect, family, birth_date
        FROM identity LEFT JOIN resource USING (resource) WHERE key IN ({",".join("?" * count)})
        UNION ALL SELECT NULL, redirect, NULL, NULL, NULL, NULL FROM resource
        WHERE resource = ? AND redirect IS NOT NULL"""  # noqa: S608


class LocalIdentities:
    """Which keys mean the same person or visit, and who was merged into whom."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Claims that add nothing, and their answers: a claim is asked twice for every message, and true until a person
        # is merged or a fact changes, which only this object does.
        self._complete: dict[IdentityClaim, Resolution] = {}

    async def resolve(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        known = [self._complete.get(claim) for claim in claims]
        resolutions = [resolution for resolution in known if resolution is not None]
        if len(resolutions) == len(claims):  # as for nearly every message: nothing to write, and nothing to wait for
            return resolutions
        found, changes_known = await self._database.write(lambda connection: _resolve_all(connection, claims, known))
        if changes_known or len(self._complete) > COMPLETE_LIMIT:
            self._complete.clear()
        if not changes_known:
            pairs = zip(claims, found, strict=True)
            self._complete.update({claim: one.resolution for claim, one in pairs if one.adds_nothing})
        return [one.resolution for one in found]

    async def known(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        return [_known(self._database.read, claim)[0] for claim in claims]

    async def lookup(self, keys: Sequence[str]) -> list[str | None]:
        return [_bound(self._database.read, key) for key in keys]

    async def bound(self, keys: Sequence[str]) -> list[str | None]:
        rows = [self._database.read("SELECT resource FROM identity WHERE key = ?", (key,)) for key in keys]
        return [found[0][0] if found else None for found in rows]

    async def merge(self, prior: str, survivor: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            path = _chain(query_of(connection), survivor)
            if prior in path:
                return False
            connection.execute(_MERGE, (prior, path[-1]))
            return True

        is_merged = await self._database.write(work)
        self._complete.clear()
        return is_merged

    async def move(self, keys: Sequence[str], resource: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            end = _chain(query_of(connection), resource)[-1]
            connection.executemany(_MOVE, [(key, end) for key in keys])

        await self._database.write(work)
        self._complete.clear()


class _Found(NamedTuple):
    resolution: Resolution
    adds_nothing: bool


def _resolve_all(
    connection: sqlite3.Connection, claims: Sequence[IdentityClaim], known: Sequence[Resolution | None]
) -> tuple[list[_Found], bool]:
    """Resolve claims in order; return the answers, and whether other claims may have another answer from now on.

    Args:
        known: The answer to each claim that adds nothing, as far as it is at hand.
    """
    found: list[_Found] = []
    changes_known = False
    for claim, resolution in zip(claims, known, strict=True):
        if resolution is None or changes_known:  # what was at hand may no longer be true
            one = _Found(*_known(query_of(connection), claim))
            if not one.adds_nothing:
                _bind(connection, claim, one.resolution.resource)
                changes_known = changes_known or one.resolution != Resolution(claim.minted)
            found.append(one)
        else:
            found.append(_Found(resolution, adds_nothing=True))
    return found, changes_known


def _bind(connection: sqlite3.Connection, claim: IdentityClaim, resource: str) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO identity (key, resource) VALUES (?, ?)", [(key, resource) for key in claim.keys]
    )
    if claim.family or claim.birth_date:  # a visit has none
        connection.execute(_FACTS, (resource, claim.family, claim.birth_date))


def _known(query: Query, claim: IdentityClaim) -> tuple[Resolution, bool]:
    """Return what the table knows of a claim, and whether the claim would add nothing to it."""
    keys = claim.keys
    if not keys:
        return Resolution(claim.minted), True
    # One question for all keys: it is asked twice for every message.
    bound = {row[0]: row[1:] for row in query(_claimed(len(keys)), (*keys, claim.minted))}
    redirect = bound.pop(None, None)
    found = [_end(query, *bound[key]) for key in keys if key in bound]
    if not found:
        return Resolution(_chain(query, redirect[0])[-1] if redirect else claim.minted), False
    resource, family, birth_date, _ = found[0]
    others = tuple(dict.fromkeys(one for one, _, _, _ in found if one != resource))
    former = tuple(dict.fromkeys(one for _, _, _, before in found for one in before))
    resolution = Resolution(resource, others, family, birth_date, former)
    changes_fact = claim.family not in ("", family) or claim.birth_date not in ("", birth_date)
    return resolution, resolution.contradicts(claim) or (not changes_fact and len(bound) == len(keys))


def _end(
    query: Query, resource: str, former: str, redirect: str | None, family: str | None, birth_date: str | None
) -> _Facts:
    """Return what a resource was merged into at last, with its facts."""
    before = (former,) if former else ()
    if redirect is None:
        return resource, family or "", birth_date or "", before
    *path, last = _chain(query, redirect)
    rows = query("SELECT family, birth_date FROM resource WHERE resource = ?", (last,))
    family, birth_date = rows[0] if rows else ("", "")
    return last, family, birth_date, (*before, resource, *path)


def _bound(query: Query, key: str) -> str | None:
    rows = query("SELECT resource FROM identity WHERE key = ?", (key,))
    return _chain(query, rows[0][0])[-1] if rows else None


def _chain(query: Query, resource: str) -> list[str]:
    """Return the resource and everything it was merged into, in order."""
    path = [resource]
    while rows := query("SELECT redirect FROM resource WHERE resource = ? AND redirect IS NOT NULL", (path[-1],)):
        path.append(rows[0][0])
    return path
