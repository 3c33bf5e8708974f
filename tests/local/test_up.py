"""`caduceus up` as a person runs it: one process, until a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
COMMAND = "import sys; from cli.main import main; sys.exit(main(sys.argv[1:]))"


@asynccontextmanager
async def caduceus_up(home, *more):
    """Start the command on free ports; end it at last if the test did not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "up", "--home", str(home), "--http-port", "0", "--mllp-port", "0", *more),
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_until(process, words):
    """Return the output up to the line that has these words."""
    lines = []
    async with asyncio.timeout(20):
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if words in line:
                return "".join(lines)
    pytest.fail("".join(lines))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_stops_clean(tmp_path, number):
    """Ctrl-C in a terminal, SIGTERM from whatever supervises: both let what is under way finish."""
    async with caduceus_up(tmp_path / "home", "--no-seed") as process:
        await read_until(process, "Ctrl-C stops")

        process.send_signal(number)
        async with asyncio.timeout(30):
            rest = (await process.stdout.read()).decode()

        assert await process.wait() == 0
        assert "Traceback" not in rest


async def test_samples_are_sent_on_the_first_start_only(tmp_path):
    """A restart that sends them again would show duplicates in the very demonstration against them."""
    async with caduceus_up(tmp_path / "home") as process:
        first = await read_until(process, "were sent")
        process.send_signal(signal.SIGINT)
        await process.wait()

    async with caduceus_up(tmp_path / "home") as process:
        await read_until(process, "Ctrl-C stops")
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGINT)
        again = (await process.stdout.read()).decode()

    assert "sample files of the interfaces were sent" in first
    assert "were sent" not in again


async def test_welcome_says_where_everything_is(tmp_path):
    """What started, where to look, what to try next: without the manual."""
    async with caduceus_up(tmp_path / "home", "--no-seed") as process:
        words = await read_until(process, "Ctrl-C stops")

    for place in ("/console", "mllp://127.0.0.1:", "/ingest", "/fhir/Patient", "receiver billing", "trace WV000101"):
        assert place in words


async def test_home_that_is_not_ours_is_not_emptied(tmp_path):
    """One sentence and exit code 1, not a stack trace and an empty folder."""
    (tmp_path / "thesis.txt").write_text("ten years")

    async with caduceus_up(tmp_path, "--fresh") as process:
        said = (await process.stdout.read()).decode()

        assert await process.wait() == 1
    assert "caduceus: LOCAL-003" in said
    assert "Traceback" not in said
    assert (tmp_path / "thesis.txt").exists()
