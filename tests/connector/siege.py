"""The worst days of a hospital's network and machines, for longer than a test may take.

    python -m tests.connector.siege [slow large garbage disorder disks cut hosts kill] [--seed 1]

Each attack runs against a connector in a process of its own, and says what it has seen; what does not hold is an
AssertionError. The same attacks run in small in `test_siege.py`. Nothing here judges speed: figures are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.connector.both_ways import cut, hosts, kill
from tests.connector.conftest import free_port
from tests.connector.hub import Hub
from tests.connector.peers import Source, admission
from tests.doubles.disorderly_line import DisorderlyLine
from tests.doubles.waiting import until

REPOSITORY = Path(__file__).parents[2]
START = b"\x0b"


@dataclass
class Besieged:
    """A connector in a process of its own, and the hub behind it."""

    folder: Path
    hub: Hub
    listen: str = ""
    spool: str = ""
    hub_port: int = 0
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        file = self.folder / "connector.toml"
        file.write_text(
            f'[connector]\nname = "north"\nfolder = "{self.folder / "spool"}"\n[spool]\n{self.spool}\n'
            f'[hub]\nurl = "http://127.0.0.1:{self.hub_port or self.hub.port}"\nauthentication = "none"\n'
            "answer_seconds = 5\nlinger_seconds = 0\nretry_base_seconds = 0.05\nretry_cap_seconds = 0.2\n"
            f'[[listen]]\nname = "adt"\nport = {self.port}\nacknowledge = "spool"\n{self.listen}\n',
            "utf-8",
        )
        command = [sys.executable, "-m", "connector", "run", "--config", str(file)]
        self.process = self._begin(command)
        async with asyncio.timeout(120):
            while True:
                assert self.process.poll() is None, (self.folder / "log").read_text("utf-8")[-2000:]
                with suppress(OSError):
                    await (await Source.connect(self.port)).close()
                    return
                await asyncio.sleep(0.02)

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            await asyncio.to_thread(self.process.wait)
            self.process = None

    def megabytes(self) -> float:
        """Return what the process has in memory, and had at most."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


@asynccontextmanager
async def besieged(folder: Path, **options: str) -> AsyncIterator[Besieged]:
    hub = Hub()
    await hub.start()
    it = Besieged(folder, hub, **options)
    try:
        await it.start()
        yield it
    finally:
        await it.end()
        await hub.stop()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a connection at once."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def stands(source: Source) -> bool:
    """Tell whether the other end has left a connection open, as far as this one knows."""
    return not (source.writer.transport.is_closing() or source.reader.at_eof())


async def good_sender(it: Besieged, messages: int, source: Source | None = None) -> list[float]:
    """Send messages one by one; return how long each took, in ms."""
    source = source or await Source.connect(it.port)
    took = []
    for number in range(messages):
        began = time.perf_counter()
        said = await source.ask(admission(f"G{number:05}"), 60)
        assert said is not None
        assert said.code == "AA"
        took.append((time.perf_counter() - began) * 1e3)
    await source.close()
    return took


async def slow(folder: Path, generator: random.Random, connections: int = 10_000) -> str:
    """Thousands that send a byte now and then, from as many addresses: they are let in up to the limit, and whoever
    was there before is served as ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * connections + 1000), hard))
    async with besieged(folder, listen=f"connections = {connections}\nframe_seconds = 600") as it:
        source = await Source.connect(it.port)
        assert (await source.ask(admission("FIRST"))) is not None
        before = it.megabytes()
        slow_ones: list[Source] = []
        for number in range(connections + 100):
            address = f"127.1.{number // 250}.{number % 250 + 1}"
            with suppress(OSError):
                one = Source(*await asyncio.open_connection("127.0.0.1", it.port, local_addr=(address, 0)))
                one.writer.write(START)
                slow_ones.append(one)
        frame = iter(admission("SLOW"))
        good = asyncio.create_task(good_sender(it, 200, source))
        while not good.done():
            byte = bytes([next(frame, 65)])
            for one in generator.sample(slow_ones, len(slow_ones) // 10):
                if stands(one):
                    one.writer.write(byte)
            await asyncio.sleep(0.05)
        took = sorted(await good)
        await until(lambda: len(it.hub.control_ids) == 201, 60)
        after = it.megabytes()
        # Who is not let in hears so when the listener comes to it.
        await until(lambda: sum(map(stands, slow_ones)) < connections, 60)
        held = sum(map(stands, slow_ones))
        assert (after - before) / connections < 0.05, "MB for each connection"
        await asyncio.gather(*(hang_up(one.writer) for one in slow_ones))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert held == connections - 1, f"{held} of {connections} were let in"
    return (
        f"{held:,} slow connections stand, {connections + 100 - held:,} not let in; "
        f"memory {before:.0f} to {after:.0f} MB; "
        f"a good sender's AA: median {took[len(took) // 2]:.1f} ms, slowest of a hundred {took[-2]:.1f} ms"
    )


async def large(folder: Path, generator: random.Random, megabytes: int = 100) -> str:
    """A frame as large as the hub takes arrives byte for byte; one over the limit costs the limit and no more."""
    body = admission("LARGE", text=generator.randbytes(megabytes << 19).hex()[: (megabytes << 20) - 400])
    async with besieged(folder, listen=f"frame_megabytes = {megabytes}\nframe_seconds = 600") as it:
        source = await Source.connect(it.port)
        said = await source.ask(body, 300)
        assert said is not None
        assert said.code == "AA"
        await until(lambda: it.hub.control_ids == ["LARGE"], 300)
        assert hashlib.sha256(it.hub.bodies["LARGE"]).digest() == hashlib.sha256(body).digest()
        with_one = it.megabytes()
        tries = 3
        for _ in range(tries):
            over = await Source.connect(it.port)
            with suppress(ConnectionError):
                await over.send(body + bytes(1000))
            assert await over.answer(300) is None, "more than the limit was taken"
            await hang_up(over.writer)
        assert it.megabytes() - with_one < 2 * megabytes, "what is over the limit is let go of"
        await good_sender(it, 20, source)
        most = it.megabytes()
    return f"one of {megabytes} MB arrived, {tries} over the limit were refused; memory at most {most:.0f} MB"


async def garbage(folder: Path, generator: random.Random, attackers: int = 3000) -> str:
    """Noise, halves of frames, frames in frames, ends without beginnings, beside a good sender: its messages arrive,
    and of the others none that was no message."""
    whole = START + admission("WHOLE") + b"\x1c\r"
    async with besieged(folder, listen="connections = 300\nconnections_per_sender = 200\nframe_seconds = 2") as it:

        async def attack(number: int) -> None:
            kinds = (
                generator.randbytes(generator.randrange(1, 3000)),
                whole[: generator.randrange(1, len(whole) - 2)],
                START * generator.randrange(1, 50) + whole[1 : generator.randrange(2, 40)],
                b"\x1c\r" * generator.randrange(1, 100),
                START + b"PID|1||no header\r\x1c\r",
                START + b"MSH" + generator.randbytes(50).replace(b"\x1c", b"") + b"\x1c\r",
            )
            with suppress(OSError):
                address = f"127.2.{number % 200}.1", 0
                _, writer = await asyncio.open_connection("127.0.0.1", it.port, local_addr=address)
                writer.write(kinds[number % len(kinds)])
                await asyncio.sleep(generator.uniform(0, 0.05))
                if number % 2:
                    writer.write_eof()
                await hang_up(writer)

        good = asyncio.create_task(good_sender(it, attackers // 10))
        for start in range(0, attackers, 50):
            await asyncio.gather(*(attack(number) for number in range(start, min(start + 50, attackers))))
        await good
        wanted = [f"G{number:05}" for number in range(attackers // 10)]
        await until(lambda: len(it.hub.control_ids) >= len(wanted), 60)
        assert [one for one in it.hub.control_ids if one.startswith("G")] == wanted
        assert it.process is not None
        assert it.process.poll() is None
        assert "WHOLE" not in it.hub.control_ids
        others = len(it.hub.control_ids) - len(wanted)
    return f"{attackers:,} attackers; {len(wanted):,} good messages arrived, and {others} that were noise with a header"


async def disorder(folder: Path, generator: random.Random, messages: int = 3000) -> str:
    """A line that delivers connections twice, late, and after newer ones: the hub has each message once, in order."""
    hub = Hub()
    await hub.start()
    line = DisorderlyLine(hub.port, generator, 0.3)
    await line.start()
    it = Besieged(folder, hub, hub_port=line.port)
    try:
        await it.start()
        sending = asyncio.create_task(good_sender(it, messages))
        await sending
        line.is_orderly = True
        await until(lambda: len(hub.control_ids) >= messages, 120)
        assert hub.control_ids == [f"G{number:05}" for number in range(messages)]
    finally:
        await it.end()
        await line.stop()
        await hub.stop()
    assert line.late + line.repeated > 0
    return (
        f"{messages:,} messages once and in order; {line.late} pieces late, {line.repeated} connections repeated, "
        f"{hub.duplicates} numbers came again"
    )


async def disks(folder: Path, generator: random.Random, lives: int = 25) -> str:
    """kill -9 under load, and one of two disks is new each time: what heard AA is at the hub, in the order of its
    sender."""
    other = folder / "other"
    other.mkdir()
    promised: dict[int, list[str]] = {number: [] for number in range(4)}
    is_over = asyncio.Event()
    hub = Hub()
    await hub.start()
    it = Besieged(folder, hub, spool=f'mirror = "{other}"')

    async def send(number: int) -> None:
        while not is_over.is_set():
            with suppress(OSError, TimeoutError):
                source = await Source.connect(it.port)
                try:
                    while not is_over.is_set():
                        name = f"{number}-{len(promised[number]):05}"
                        said = await source.ask(admission(name), 5)
                        if said is None or said.code != "AA":
                            break
                        promised[number].append(name)
                finally:
                    await hang_up(source.writer)
            await asyncio.sleep(0.02)

    senders = [asyncio.create_task(send(number)) for number in promised]
    brought_back = 0
    try:
        for _ in range(lives):
            await it.start()
            await until(lambda: all(promised.values()), 60)
            await asyncio.sleep(generator.uniform(0.2, 1.0))
            hub.is_down = generator.random() < 0.7  # so that there is something to lose
            await it.end(signal.SIGKILL)
            lost = generator.choice((folder / "spool", other))
            brought_back += lost != other
            for file in lost.glob("spool.db*"):
                file.unlink()
        is_over.set()
        await asyncio.gather(*senders)
        hub.is_down = False
        await it.start()
        wanted = {name for names in promised.values() for name in names}
        await until(lambda: wanted <= set(hub.control_ids), 120)
    finally:
        await it.end()
        await hub.stop()
    places = [(epoch, n) for epoch, n, _ in hub.taken["north/adt"]]
    assert places == sorted(set(places))
    for number in promised:
        own = [name for name in hub.control_ids if name.startswith(f"{number}-")]
        assert own == sorted(own)
        # Where AA was lost with the process, the message comes again under a new number: the hub's duplicate rule.
        assert len(own) - len(set(own)) <= lives
    return f"{len(wanted):,} acknowledged in {lives} lives, {brought_back} times the mirror came back; none lost"


ATTACKS: dict[str, Callable[[Path, random.Random], Awaitable[str]]] = {
    "slow": slow, "large": large, "garbage": garbage, "disorder": disorder, "disks": disks,
    "cut": cut, "hosts": hosts, "kill": kill,
}  # fmt: skip


def main() -> None:
    """Run the attacks that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.connector.siege", description=__doc__)
    parser.add_argument("attacks", nargs="*", help=", ".join(ATTACKS))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in given.attacks or ATTACKS:
        folder = Path(tempfile.mkdtemp(prefix=f"siege-{name}-", dir="/var/tmp"))
        print(f"{name}: {asyncio.run(ATTACKS[name](folder, random.Random(given.seed)))}", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
