"""Messages about nobody in particular, and the identity table they are looked up in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.local import identities
from shared.adapters.local.database import Database
from shared.adapters.local.identities import LocalIdentities
from shared.hl7 import Message, parse
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.message import identity_claims
from shared.mpi import PersonIndex, Resolved, claim_defaults

KEY = b"a key for tests that never leaves them"


@dataclass(frozen=True, slots=True)
class Feed:
    """What an interface declares about identifiers."""

    assigner: str | None = None
    assigners: tuple[str, ...] = ()
    identifier_types: tuple[str, ...] = ()


FEED = Feed()


def message(
    pid_3: str,
    *,
    name: str = "",
    born: str = "",
    sender: str = "EHR|HOSPITAL",
    control_id: str = "1",
    mother: str = "",
    prior: str = "",
) -> Message:
    """Return an ADT message about one person; ``prior`` adds an MRG."""
    lines = [
        f"MSH|^~\\&|{sender}|||20260102030405||ADT^A08|{control_id}|P|2.5.1",
        f"PID|||{pid_3}||{name}||{born}||||||||||||||{mother}",
    ]
    if prior:
        lines.append(f"MRG|{prior}")
    return parse("\r".join(lines).encode())


def claims(one: Message, feed: Feed = FEED) -> list[Claim]:
    return identity_claims(one, claim_defaults(feed))


async def who(index: PersonIndex, one: Message, feed: Feed = FEED) -> str:
    """Return the id of the person that a message is about."""
    asked = claims(one, feed)
    [answer] = await index.resolve([asked])
    assert isinstance(answer, Resolved)
    return answer.resolve("Patient", asked[0])


def index_of(table: Database, key: bytes = KEY) -> PersonIndex:
    return PersonIndex(LocalIdentities(table), key)


def play(folder: Path, scenario: Callable[[PersonIndex], Awaitable[None]]) -> None:
    """Run a scenario with the identity table of a folder."""

    async def with_table() -> None:
        table = Database(folder / "identities.db", [identities.SCHEMA])
        try:
            await scenario(index_of(table))
        finally:
            await table.close()

    asyncio.run(with_table())
