"""The database that shares its commits."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local import database as module
from shared.adapters.local.database import Database
from shared.message.errors.storage import HomeOutdated, StorageFailed, StorageFull

SCHEMA = "CREATE TABLE IF NOT EXISTS word (word TEXT NOT NULL)"
Scenario = Callable[[Database], Coroutine[Any, Any, None]]


def play(path: Path, scenario: Scenario, *schema: str) -> None:
    async def run() -> None:
        database = Database(path / "test.db", [SCHEMA, *schema])
        try:
            await scenario(database)
        finally:
            await database.close()

    asyncio.run(run())


def add(*words: str) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO word VALUES (?)", [(word,) for word in words])

    return work


def add_and_fail(connection: sqlite3.Connection) -> None:
    add("half done")(connection)
    raise LookupError


def fail(connection: sqlite3.Connection) -> None:
    raise LookupError


def words(database: Database) -> list[str]:
    return [word for (word,) in database.read("SELECT word FROM word ORDER BY rowid")]


async def outcomes(*writes: Coroutine[Any, Any, None]) -> list[type | None]:
    results = await asyncio.gather(*writes, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


def test_what_waits_together_is_committed_together(tmp_path: Path) -> None:
    """Sixteen writers pay for one wait for the disk, not for sixteen."""

    async def scenario(database: Database) -> None:
        statements: list[str] = []
        await database.write(lambda connection: connection.set_trace_callback(statements.append))
        await asyncio.gather(*(database.write(add(str(n))) for n in range(16)))

        assert statements.count("BEGIN IMMEDIATE") == 1
        assert words(database) == [str(n) for n in range(16)]

    play(tmp_path, scenario)


def test_read_sees_nothing_of_a_commit_that_is_under_way(tmp_path: Path) -> None:
    """Whoever acted on it would be wrong if the disk failed; and whoever waited for it would wait for the disk."""

    async def scenario(database: Database) -> None:
        await database.write(add("before"))
        begun, may_end = threading.Event(), threading.Event()
        commit = database._commit

        def commit_later(*arguments: Any) -> None:
            begun.set()
            may_end.wait(60)
            commit(*arguments)

        database._commit = commit_later  # type: ignore[method-assign]
        writing = asyncio.create_task(database.write(add("under way")))
        await asyncio.to_thread(begun.wait, 60)
        assert words(database) == ["before"]
        may_end.set()
        await writing
        assert words(database) == ["before", "under way"]

    play(tmp_path, scenario)


def test_writes_are_settled_in_the_order_they_were_asked_for(tmp_path: Path) -> None:
    """A caller that was first goes on first."""

    async def scenario(database: Database) -> None:
        settled: list[int] = []

        async def write(number: int) -> None:
            await database.write(add(str(number)))
            settled.append(number)

        await asyncio.gather(*(write(number) for number in range(50)))
        assert settled == list(range(50))

    play(tmp_path, scenario)


@pytest.mark.parametrize("failing", [fail, add_and_fail])
def test_a_failing_neighbour_takes_nobody_with_it(tmp_path: Path, failing: Callable[..., None]) -> None:
    """A lost ownership of one session is no reason for another message to be sent again."""

    async def scenario(database: Database) -> None:
        writes = [database.write(add("a")), database.write(failing), database.write(add("b"))]
        assert await outcomes(*writes) == [None, LookupError, None]
        assert words(database) == ["a", "b"]

    play(tmp_path, scenario)


def test_a_commit_that_fails_fails_everybody_in_it(tmp_path: Path) -> None:
    """Nothing may be acknowledged that is not on the disk."""
    schema = """PRAGMA foreign_keys=ON; CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"""

    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO child VALUES (1)")  # noticed at the commit only

    async def scenario(database: Database) -> None:
        writes = [database.write(add("a")), database.write(orphan), database.write(add("b"))]
        assert await outcomes(*writes) == [StorageFailed] * 3
        await database.write(add("c"))
        assert words(database) == ["c"]

    play(tmp_path, scenario, schema)


def test_a_full_disk_is_said_and_passes(tmp_path: Path) -> None:
    """Senders wait; when there is room again the hub goes on without a restart."""
    page_bytes = 4096

    async def scenario(database: Database) -> None:
        await database.write(lambda connection: connection.execute("PRAGMA max_page_count=20").fetchone())
        with pytest.raises(StorageFull):
            await database.write(add("x" * 40 * page_bytes))
        await database.write(lambda connection: connection.execute("PRAGMA max_page_count=2000").fetchone())
        await database.write(add("room"))
        assert words(database) == ["room"]

    play(tmp_path, scenario)


def test_a_file_that_somebody_else_writes_to_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A curious person opened the file in an editor of databases: the hub says so and tries again later."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)

    async def scenario(database: Database) -> None:
        other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match="SQLITE_BUSY"):
            await database.write(add("a"))
        other.execute("ROLLBACK")
        other.close()
        await database.write(add("b"))
        assert words(database) == ["b"]

    play(tmp_path, scenario)


class Failing:
    """A connection to a disk that fails, for so many statements of each kind."""

    def __init__(self, connection: sqlite3.Connection, *kinds: str) -> None:
        self._connection = connection
        self._kinds = list(kinds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *arguments: Any) -> Any:
        if sql in self._kinds:
            self._kinds.remove(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, *arguments)


@pytest.mark.parametrize("end", ["COMMIT", "BEGIN IMMEDIATE"])
def test_a_disk_that_fails_twice_is_said_and_the_next_write_goes_on(tmp_path: Path, end: str) -> None:
    """Where a transaction can neither end nor be undone: everybody would wait for ever, and the hub would stand."""

    async def scenario(database: Database) -> None:
        writer = database._writer
        if end == "BEGIN IMMEDIATE":
            writer.execute(end)
        database._writer = Failing(writer, end, "ROLLBACK")  # type: ignore[assignment]  # as far as it is asked
        async with asyncio.timeout(5):
            with pytest.raises(StorageFailed):
                await database.write(add("a"))
            with pytest.raises(StorageFailed):
                await database.write(add("b"))  # begins within the one that is not undone; that is undone now
            await database.write(add("c"))
        assert words(database) == ["c"]

    play(tmp_path, scenario)


def test_writers_beyond_the_limit_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-pressure: nothing between socket and disk may grow without bound."""
    monkeypatch.setattr(module, "WAITING_LIMIT", 10)

    async def scenario(database: Database) -> None:
        begun: list[int] = []

        def count(connection: sqlite3.Connection) -> int:
            begun.append(1)
            add("x")(connection)
            return len(begun)

        writes = [asyncio.create_task(database.write(count)) for _ in range(100)]
        done, _ = await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        assert max(write.result() for write in done) <= 10
        await asyncio.gather(*writes)
        assert len(begun) == 100

    play(tmp_path, scenario)


def test_a_write_nobody_waits_for_any_more_is_not_begun(tmp_path: Path) -> None:
    """A request that was given up leaves no half of itself."""

    async def scenario(database: Database) -> None:
        task = asyncio.create_task(database.write(add("given up")))
        await asyncio.sleep(0)
        task.cancel()
        await database.write(add("wanted"))
        assert words(database) == ["wanted"]

    play(tmp_path, scenario)


def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    """A hub that is told to end still keeps its word, and leaves one file."""

    async def begin(database: Database) -> None:
        writes = [asyncio.create_task(database.write(add(str(n)))) for n in range(100)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*writes)

    async def look(database: Database) -> None:
        assert len(words(database)) == 100

    play(tmp_path, begin)
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]
    play(tmp_path, look)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Tables that are nearly right fail in the middle of the night."""

    async def add_one(database: Database) -> None:
        await database.write(add("a"))

    play(tmp_path, add_one)
    play(tmp_path, add_one)
    with pytest.raises(HomeOutdated, match="STORAGE-004"):
        play(tmp_path, add_one, "CREATE TABLE other (id INTEGER)")


def test_a_file_that_cannot_be_used_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person moves it aside or brings it back from a backup, which Windows allows for no file that is open."""
    opened: list[sqlite3.Connection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3_connect(*arguments, **options))
        return opened[-1]

    sqlite3_connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    (tmp_path / "test.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        Database(tmp_path / "test.db", [])
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        opened[0].execute("SELECT 1")


def test_a_long_question_leaves_the_reader_no_more_than_its_room(tmp_path: Path) -> None:
    """What counts all that waits reads as many pages as there are, and would leave holes of that size in the memory."""

    async def scenario(database: Database) -> None:
        database._is_committing = True  # the reader is asked while the writer commits
        ((kilobytes,),) = database.read("PRAGMA cache_size")
        database._is_committing = False
        assert -kilobytes == module.READER_CACHE_KILOBYTES < module.CACHE_KILOBYTES

    play(tmp_path, scenario)
