"""A connector with messages both ways through one relay, each a process that may be killed, on a line that may be cut.

Hospital systems send up; the hub sends down to a laboratory, and decides what is ambiguous as a person would.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from relay import HybridConnection, SasTokens, Sender
from shared.message.errors.relay import RelayError
from tests.connector.conftest import free_port
from tests.connector.hub import Hub
from tests.connector.peers import Source, System, admission
from tests.doubles.tcp_line import TcpLine
from tests.doubles.two_hosts import TwoHosts
from tests.doubles.waiting import until

REPOSITORY = Path(__file__).parents[2]
SENDERS = 4
_ANSWER_SECONDS = 0.03  # of the laboratory


async def cut(folder: Path, generator: random.Random, seconds: float = 200.0) -> str:
    """The one line out is cut under load: first in silence, then with a reset for everybody who tries. Senders hear AA
    all the while; afterwards everything has gone both ways, once and in order."""
    it = BothWays(folder, pause_seconds=0.05)

    def refuse() -> None:
        it.line.refuse()
        it.line.thaw()

    return await _cut(it, seconds, it.line.freeze, refuse, lambda: it.line.refuse(False))


async def hosts(folder: Path, generator: random.Random, seconds: float = 200.0) -> str:
    """The same between two hosts: the connector has a network of its own, with one line to its senders and one out."""
    two = TwoHosts()
    try:
        two.start()
        it = BothWays(folder, pause_seconds=0.05, hosts=two)
        return await _cut(it, seconds, two.cut, two.refuse, two.mend)
    finally:
        two.stop()


async def _cut(
    it: BothWays, seconds: float, silence: Callable[[], None], refuse: Callable[[], None], mend: Callable[[], None]
) -> str:
    try:
        await it.start()
        async with it.under_load():
            await until(lambda: len(it.hub.control_ids) > 20 and len(it.laboratory.accepted) > 5, 120)
            began, before = time.monotonic(), it.acknowledged
            silence()
            await asyncio.sleep(seconds / 2)
            refuse()
            await asyncio.sleep(seconds / 2)
            meanwhile, waiting = it.acknowledged - before, it.acknowledged - len(set(it.hub.control_ids))
            away = time.monotonic() - began
            mend()
            began = time.monotonic()
            await until(lambda: len(set(it.hub.control_ids)) > before + meanwhile, 300)
            took = time.monotonic() - began
        most = it.megabytes()
    finally:
        await it.end()
    assert meanwhile > SENDERS, "senders were answered while the line was cut"
    return (
        f"line cut for {away:.0f} s: {meanwhile:,} messages heard AA meanwhile, {waiting:,} waiting at its end, all "
        f"at the hub {took:.1f} s after it stood again; of {it.acknowledged:,} up and {len(it.sent_down):,} down each "
        f"arrived once and in order; slowest AA {it.slowest:.1f} s; memory at most {most:.0f} MB"
    )


async def kill(folder: Path, generator: random.Random, rounds: int = 60) -> str:
    """kill -9 of one process after the other, by chance: the connector, the relay, a bridge; and the laboratory and the
    hub drop everybody. What heard AA is at the hub, what the laboratory accepted it got once, all in order."""
    it = BothWays(folder, pause_seconds=0.01)
    killed: Counter[str] = Counter()
    try:
        await it.start()
        async with it.under_load():
            for turn in range(rounds):
                done = it.acknowledged
                await until(lambda done=done: it.acknowledged > done + SENDERS, 120)
                names = [*it.commands(), "laboratory", "hub"]
                name = "connector" if turn == 0 else generator.choice(names)
                killed[name] += 1
                if name in it.processes:
                    await it.kill(name)
                    await asyncio.sleep(generator.uniform(0, 1))
                    it.begin(name)
                else:
                    peer = it.laboratory if name == "laboratory" else it.hub
                    await peer.stop()
                    await asyncio.sleep(generator.uniform(0, 1))
                    await peer.start()
                await asyncio.sleep(generator.uniform(0, 1))
    finally:
        await it.end()
    return (
        f"killed: {', '.join(f'{name} {count}' for name, count in sorted(killed.items()))}; of {it.acknowledged:,} up "
        f"none was lost, {len(it.sent_down):,} down were accepted once each and in order, {it.decided} of them looked "
        "up because they were ambiguous"
    )


@dataclass
class BothWays:
    """The hub's and the hospital's side of one connector.

    Attributes:
        hosts: The connector is on the other one; without it everything is on 127.0.0.1.
        promised: By sender, MSH-10 of what heard AA, in order.
        sent_down: Ids of deliveries that the connector has committed, in order.
        slowest: Seconds for the slowest AA.
        decided: Ambiguous deliveries that were looked up at the laboratory and then settled.
    """

    folder: Path
    pause_seconds: float
    hub: Hub = field(default_factory=Hub)
    laboratory: System = field(default_factory=System)
    relay_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    hosts: TwoHosts | None = None
    promised: dict[int, list[str]] = field(default_factory=lambda: {number: [] for number in range(SENDERS)})
    sent_down: list[str] = field(default_factory=list)
    slowest: float = 0.0
    decided: int = 0
    kills: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.near, self.out = self.hosts.here if self.hosts else ("127.0.0.1", "127.0.0.1")
        self.machine = self.hosts.there[0] if self.hosts else "127.0.0.1"
        self.line = TcpLine(self.relay_port)

    async def start(self) -> None:
        await self.hub.start()
        self.laboratory.delay_seconds = _ANSWER_SECONDS
        await self.laboratory.start(host=self.near)
        await self.line.start()
        place = HybridConnection.parse(f"http://{self.out}:{self.relay_port}/down")
        self.sender = Sender(place, SasTokens(place.resource, "root", "k"))
        (self.folder / "key").write_text("k")
        self._configure()
        for name in self.commands():
            self.begin(name)
        async with asyncio.timeout(120):
            while not await self._lets_in():  # noqa: ASYNC110  # another process does
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def under_load(self) -> AsyncIterator[None]:
        """Messages go both ways inside; afterwards everything has arrived, or an AssertionError says what has not."""
        sending = [asyncio.create_task(self.send_up(number)) for number in self.promised]
        sending += [asyncio.create_task(self.send_down()), asyncio.create_task(self.follow_down())]
        try:
            yield
            self.is_over.set()
            async with asyncio.timeout(600):
                await asyncio.gather(*sending)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
        wanted = {name for names in self.promised.values() for name in names}
        await until(lambda: wanted <= set(self.hub.control_ids), 600)
        self._check()

    def _check(self) -> None:
        places = [(epoch, n) for epoch, n, _ in self.hub.taken["north/adt"]]
        assert places == sorted(set(places)), "numbers are given once, and arrive in order"
        for number in self.promised:
            own = [name for name in self.hub.control_ids if name.startswith(f"{number}-")]
            assert own == sorted(own), "the order of a sender"
            # Where AA was lost with the process, the message comes again under a new number: the hub's duplicate rule.
            assert len(own) - len(set(own)) <= self.kills
        assert self.laboratory.accepted == self.sent_down, "each delivery was accepted once, in order"

    async def end(self) -> None:
        self.is_over.set()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            await asyncio.to_thread(process.wait)
        await self.sender.close()
        await self.line.stop()
        await self.laboratory.stop()
        await self.hub.stop()

    def commands(self) -> dict[str, list[str]]:
        """Return each process and how it is started."""
        bridge = [
            "relay.bridge", "--relay", f"http://{self.out}:{self.relay_port}/up", "--hub", f"http://127.0.0.1:{self.hub.port}",
            "--key-name", "root", "--key-file", str(self.folder / "key"), "--channels", "1",
        ]  # fmt: skip
        paths = ["--path", "up", "--path", "down", "--key", "root=k"]
        return {
            "relay": ["relay.local_relay", "--host", self.out, "--port", str(self.relay_port), *paths],
            "bridge": bridge,
            "second bridge": bridge,
            "connector": ["connector", "run", "--config", str(self.folder / "connector.toml")],
        }

    def begin(self, name: str) -> None:
        """Start one process."""
        with (self.folder / "log").open("ab") as log:
            there = self.hosts.run if self.hosts and name == "connector" else []
            command = [*there, sys.executable, "-m", *self.commands()[name]]
            self.processes[name] = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)

    async def kill(self, name: str) -> None:
        """Kill one process, as the power does."""
        process = self.processes.pop(name)
        self.kills += name == "connector"
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)

    def megabytes(self) -> float:
        """Return what the connector had in memory at most."""
        status = Path(f"/proc/{self.processes['connector'].pid}/status").read_text("ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def _configure(self) -> None:
        port = self.relay_port if self.hosts else self.line.port
        at, key = f"http://{self.out}:{port}", f'key_name = "root"\nkey = "file:{self.folder / "key"}"\n'
        (self.folder / "connector.toml").write_text(
            f'[connector]\nname = "north"\nfolder = "{self.folder / "spool"}"\n'
            f'[hub]\ntransport = "relay"\nrelay = "{at}/up"\nauthentication = "key"\n{key}'
            "answer_seconds = 5\nretry_base_seconds = 0.1\nretry_cap_seconds = 1\n"
            f'[relay]\nurl = "{at}/down"\n{key}'
            f'[[deliver]]\nname = "lab"\naddress = "mllp://{self.near}:{self.laboratory.port}"\n'
            'on_ambiguous = "review"\nanswer_seconds = 5\nretry_base_seconds = 0.1\nretry_cap_seconds = 1\n'
            f'[[listen]]\nname = "adt"\naddress = "{self.machine}"\nport = {self.port}\n',
            "utf-8",
        )

    async def _lets_in(self) -> bool:
        assert self.processes["connector"].poll() is None, (self.folder / "log").read_text("utf-8")[-2000:]
        with suppress(OSError):
            await (await Source.connect(self.port, host=self.machine)).close()
            return True
        return False

    @property
    def acknowledged(self) -> int:
        """Messages that heard AA."""
        return sum(map(len, self.promised.values()))

    # --- load

    async def send_up(self, number: int) -> None:
        """Send until it is over; what was not acknowledged is sent again, as a hospital system does."""
        own = self.promised[number]
        while not self.is_over.is_set():
            with suppress(OSError, TimeoutError):
                source = await Source.connect(self.port, host=self.machine)
                try:
                    await self._send_on(source, number, own)
                finally:
                    source.writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _send_on(self, source: Source, number: int, own: list[str]) -> None:
        while not self.is_over.is_set():
            name, began = f"{number}-{len(own):06}", time.perf_counter()
            said = await source.ask(admission(name, patient=f"P{number}"), 30)
            if said is None or said.code != "AA":
                return
            self.slowest = max(self.slowest, time.perf_counter() - began)
            own.append(name)
            await asyncio.sleep(self.pause_seconds)

    async def send_down(self) -> None:
        """Send deliveries one after the other, each until it is committed; the same again is the same delivery."""
        while not self.is_over.is_set():
            name = f"D{len(self.sent_down):06}"
            while await self._ask("POST", f"/deliveries/{name}", admission(name)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            self.sent_down.append(name)
            await asyncio.sleep(self.pause_seconds)

    async def follow_down(self) -> None:
        """Return once it is over and all is delivered; what is ambiguous is looked up at the laboratory first."""
        place = 0
        while not (self.is_over.is_set() and place == len(self.sent_down)):
            if place < len(self.sent_down) and await self._is_delivered(self.sent_down[place]):
                place += 1
            else:
                await asyncio.sleep(0.02)

    async def _is_delivered(self, name: str) -> bool:
        outcome = await self._ask("GET", f"/deliveries/{name}")
        if outcome is not None and outcome["state"] == "ambiguous":
            await asyncio.sleep(5 * _ANSWER_SECONDS)  # what it may still be at work on
            order = "accept" if name in self.laboratory.accepted else "resend"
            self.decided += await self._ask("POST", f"/deliveries/{name}/{order}") is not None
        return outcome is not None and outcome["state"] == "delivered"

    async def _ask(self, method: str, target: str, body: bytes | None = None) -> dict[str, object] | None:
        """Return what the connector says of a delivery; None: it was not reached, or cannot take it now."""
        headers = {"Caduceus-Destination": "lab"}
        with suppress(RelayError, TimeoutError):
            async with asyncio.timeout(5), self.sender.request(method, target, headers=headers, body=body) as answer:
                if answer.status in (200, 202):
                    return orjson.loads(await answer.read())
        return None
