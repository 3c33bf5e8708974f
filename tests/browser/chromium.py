"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ENDS_SECONDS = 10.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """One page.

    Attributes:
        errors: What the page complained of: exceptions, and resources that were not there.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def open(self, url: str) -> None:
        """Go to a page."""
        for domain in ("Page", "Runtime", "Log"):
            await self._order(f"{domain}.enable")
        await self._order("Page.navigate", url=url)

    async def resize(self, width: int, height: int) -> None:
        """Give the page a window of this size, in CSS pixels."""
        sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._order("Emulation.setDeviceMetricsOverride", **sizes)

    async def run(self, script: str) -> Any:
        """Return what a script says, promises awaited."""
        answer = await self._order("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str, seconds: float = 15.0) -> Any:
        """Return what a script says, once it says something."""
        async with asyncio.timeout(seconds):
            while not (said := await self.run(script)):  # noqa: ASYNC110  # the page sets no event
                await asyncio.sleep(0.05)
        return said

    async def press(self, key: str) -> None:
        """Press one key."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        await self._order("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, **code)
        await self._order("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    async def write(self, text: str) -> None:
        """Type into what has the focus."""
        await self._order("Input.insertText", text=text)

    async def close(self) -> None:
        """Listen no more."""
        self._reading.cancel()

    async def _order(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answered = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(15):
            answer = await answered
        assert "error" not in answer, answer
        return answer["result"]

    async def _read(self) -> None:
        async for said in self._socket:
            event = said.json()
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event)
            elif event["method"] == "Runtime.exceptionThrown":
                self.errors.append(event["params"]["exceptionDetails"]["text"])
            elif event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                self.errors.append(event["params"]["entry"]["text"])


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Page]:
    """Yield an empty page of a Chromium of its own."""
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = await _address(profile)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            yield page
            await page.close()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a browser, the hard way if need be: one that is asked to go does not always go."""
    process.terminate()
    try:
        async with asyncio.timeout(ENDS_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _address(profile: Path) -> str:
    written = profile / "DevToolsActivePort"
    async with asyncio.timeout(30):
        while not written.exists() or len(written.read_text("utf-8").splitlines()) < 2:  # noqa: ASYNC110  # a file
            await asyncio.sleep(0.05)
    port = written.read_text("utf-8").splitlines()[0]
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/json") as answer:
        return next(one["webSocketDebuggerUrl"] for one in await answer.json() if one["type"] == "page")
