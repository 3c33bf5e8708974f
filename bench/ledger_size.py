"""Look-ups in a ledger of ten million messages: by id, control id, patient hash and window of time.

    python -m bench ledger_size             # builds 10,000,000 rows: some minutes, and 7 GB in the temporary folder
    ROWS=100000 python -m bench ledger_size

It is not part of `make bench`. The rows are written in one go and indexed after that; what is asked, and how, is the
hub's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Row
from shared.adapters.instant import to_microseconds
from shared.adapters.local import ledger
from shared.adapters.local.database import Database, connect
from shared.adapters.local.history import LocalHistory
from shared.adapters.local.ledger import LocalLedger
from shared.adapters.local.ledger_rows import key_sum
from shared.message.identifiers import MessageId, OrderingKey, new_message_id
from shared.message.patient import key_digest, patient_hash
from shared.message.record import MessageRecord
from shared.message.replay import Selection

ROWS = int(os.environ.get("ROWS", "10000000"))
GOAL_MILLISECONDS = 10
PATIENTS = 500_000  # 20 messages each
A_DAY = 1_000_000  # a hospital network
LOOKS = 200
PAGE = 50
HUB_KEY = b"the key of the bench"
START = datetime(2026, 1, 5, tzinfo=UTC)
_APART = timedelta(days=1) / A_DAY
_BATCH = 100_000


def run() -> list[Row]:
    """Return a row for each kind of look-up, and one for the build."""
    with tempfile.TemporaryDirectory(prefix="caduceus-ledger-") as folder:
        path = Path(folder) / "hub.db"
        began = time.monotonic()
        build(path)
        built = time.monotonic() - began
        size = path.stat().st_size / 1e9
        print(f"{ROWS:,} rows, {size:.1f} GB, in {built:.0f} s", file=sys.stderr)
        return asyncio.run(_look(path))


def build(path: Path) -> None:
    """Write the ledger's table: rows first, then the indexes that every home has."""
    connection = connect(path)
    connection.execute("PRAGMA synchronous=OFF")  # lost in a crash: then it is built anew
    tables = [one for one in ledger.SCHEMA.split(";") if "CREATE INDEX" not in one]
    connection.executescript(";".join(tables))
    insert = f"INSERT INTO message VALUES ({', '.join('?' * 19)})"
    for start in range(1, ROWS + 1, _BATCH):
        connection.execute("BEGIN")
        connection.executemany(insert, _rows(start, min(ROWS, start + _BATCH - 1)))
        connection.execute("COMMIT")
    connection.executescript(ledger.SCHEMA)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _rows(first: int, last: int) -> Iterator[tuple[object, ...]]:
    for number in range(first, last + 1):
        digest = hashlib.sha256(number.to_bytes(8, "big")).hexdigest()
        order, duplicate = key_of(number), digest[::-1]
        yield (
            number, message_of(number), "hospital_adt", "hospital_adt", 1, number, order, "1", digest, 1024,
            f"hospital_adt/raw/{number // 60_000:08}@{number % 60_000 * 1056}", control_id_of(number), "ADT^A08",
            to_microseconds(_received(number)), "routed", "", duplicate, zlib.crc32(duplicate.encode()),
            key_sum(_digest(order)),
        )  # fmt: skip


def message_of(number: int) -> MessageId:
    digest = hashlib.sha256(number.to_bytes(8, "little")).digest()
    return new_message_id(number % 4, _received(number), digest)


def key_of(number: int) -> OrderingKey:
    patient = number * 7919 % PATIENTS  # everybody comes again and again
    return OrderingKey(f"Patient/{hashlib.sha256(patient.to_bytes(8, 'big')).hexdigest()[:36]}")


def _digest(key: OrderingKey) -> str:
    return key_digest(key, HUB_KEY)


def control_id_of(number: int) -> str:
    return f"WV{number:010}"


def _received(number: int) -> datetime:
    return START + number * _APART


async def _look(path: Path) -> list[Row]:
    database = Database(path, [ledger.SCHEMA])
    records, history = LocalLedger(database, _digest), LocalHistory(database, _digest)

    async def of_patient(number: int) -> list[MessageRecord]:
        key = await history.key_of(patient_hash(key_of(number), HUB_KEY))
        return await records.recent(PAGE, key=key)

    asked: dict[str, Callable[[int], Awaitable[list[object]]]] = {
        "message id": lambda n: records.messages([message_of(n)]),  # type: ignore[dict-item]
        "control id": lambda n: records.by_control_id(control_id_of(n)),  # type: ignore[dict-item]
        "patient hash, the newest 50": of_patient,  # type: ignore[dict-item]
        "a minute's window, the first 50": lambda n: history.select(  # type: ignore[dict-item]
            Selection(since=_received(n), until=_received(n) + timedelta(minutes=1)), 0, PAGE
        ),
    }
    try:
        return [await _measure(what, ask) for what, ask in asked.items()]
    finally:
        await database.close()


async def _measure(what: str, ask: Callable[[int], Awaitable[list[object]]]) -> Row:
    uniform = random.Random(4)
    taken = []
    for _ in range(LOOKS):
        number = uniform.randint(1, ROWS - A_DAY // 1440 if ROWS > A_DAY else ROWS)
        began = time.perf_counter()
        found = await ask(number)
        taken.append((time.perf_counter() - began) * 1000)
        assert any(found)
    worst, middle = max(taken), statistics.median(taken)
    ours = f"{middle:.2f} ms, at most {worst:.1f} ms"
    return Row(
        f"{ROWS:,} messages, by {what}", ours, "", None, f"under {GOAL_MILLISECONDS} ms", worst < GOAL_MILLISECONDS
    )
