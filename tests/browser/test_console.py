"""The operator's page in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from local.laptop import Laptop
from local.seed import find_samples, send_samples
from shared.message.errors.storage import StorageFull
from tests.browser.chromium import PROGRAM, Page, chromium
from tests.doubles.laptop import own_laptop
from tests.pipeline.messages import adt

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="needs Chromium (apt-get install chromium) for the console page"
)

LATIN = b"MSH|^~\\&|a|||||||||||||||8859/1"
SCRIPT = "<script>window.harmed = 1</script><img src=x onerror=window.harmed=1>"


@dataclass
class Desk:
    """A hub that runs, and its page in a browser."""

    page: Page
    hub: str

    async def send(self, body: bytes) -> None:
        """Send one message and look at nothing."""
        async with aiohttp.ClientSession() as session, session.post(f"{self.hub}/ingest", data=body) as answer:
            assert answer.status == 200

    async def find(self, name: str) -> None:
        """Type a name into the search field and press Enter, as a person does."""
        await self.page.run("document.activeElement.blur()")
        await self.page.press("/")
        await self.page.run("document.activeElement.value = ''")
        await self.page.write(name)
        await self.page.press("Enter")


@pytest.fixture
async def laptop(tmp_path, monkeypatch) -> AsyncIterator[Laptop]:
    running = Laptop(own_laptop(tmp_path, monkeypatch))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def desk(laptop, tmp_path) -> AsyncIterator[Desk]:
    async with chromium(tmp_path / "profile") as page:
        desk = Desk(page, f"http://127.0.0.1:{laptop.host.port}")
        await page.open(f"{desk.hub}/console")
        await page.until("document.getElementById('connection')?.textContent === 'live'")
        yield desk


async def test_page_shows_the_samples_and_one_message_with_its_way(laptop, desk):
    """The first thing a newcomer sees, and the first an operator asks."""
    assert await send_samples(laptop.settings.interfaces, laptop.listener.port, laptop.host.port) == ""
    samples = sum(map(len, find_samples(laptop.settings.interfaces)))
    await desk.page.until(f"document.querySelectorAll('#messages tr').length === {samples}")

    await desk.find("WV000101")

    assert await desk.page.until("document.getElementById('raw').textContent.startsWith('MSH|^~')")
    assert await desk.page.until(
        "document.getElementById('fhir').textContent.includes('\"resourceType\": \"Patient\"')"
    )
    await desk.page.until("document.querySelectorAll('#deliveries .good').length === 4")
    steps = await desk.page.run("document.getElementById('hops').textContent")
    assert all(
        step in steps for step in ("ingest: queued", "transform: transformed", "route: routed", "deliver: accepted")
    )
    assert desk.page.errors == []


async def test_a_message_in_fhir_is_shown_as_it_was_sent_beside_what_it_became(laptop, desk):
    """Whoever looks into what an app sent wants its words, not the hub's: R5 on one side, R4 on the other."""
    sample = laptop.settings.interfaces / "vitals_app" / "samples" / "02-corrected-reading.fhir.json"
    media = {"Content-Type": "application/fhir+json"}
    url = f"{desk.hub}/ingest/vitals_app"
    async with aiohttp.ClientSession(headers=media) as session, session.post(url, data=sample.read_bytes()) as answer:
        message = answer.headers["Caduceus-Message"]

    await desk.find(message)

    assert await desk.page.until("document.getElementById('raw').textContent.includes('\"triggeredBy\": [')")
    assert await desk.page.until("document.getElementById('fhir').textContent.includes('\"Observation\"')")
    assert "2 values reached no output" in await desk.page.until("document.getElementById('lost-box').textContent")
    assert desk.page.errors == []


async def test_markup_in_a_name_is_shown_and_never_run(desk):
    """A sender decides what a name is; the page shows patient data and must run nobody else's code."""
    await desk.send(adt("M1", name=f"{SCRIPT}^Anna", application="NOBODY"))

    await desk.page.until("document.querySelectorAll('#messages tr').length === 1")
    await desk.find("M1")
    await desk.page.until(f"document.getElementById('raw').textContent.includes('{SCRIPT}')")
    await desk.page.until("document.getElementById('fhir').textContent.includes('window.harmed')")

    assert await desk.page.run("window.harmed === undefined")
    assert desk.page.errors == []


async def test_a_stopped_message_is_listed_with_its_reason_and_resent_from_the_page(desk):
    """What waits for a person must be where the person looks, with the button beside it."""
    await desk.send(adt("Q1", "A77", application="NOBODY"))
    assert "STORE-010" in await desk.page.until("document.querySelector('#stopped tr')?.textContent")

    await desk.page.run("document.querySelector('#stopped a').focus()")
    await desk.page.press("Enter")
    await desk.page.until("document.getElementById('resend').checkVisibility()")
    await desk.page.run("document.getElementById('resend').click()")
    await desk.page.write("the table has a row now")
    await desk.page.press("Enter")

    await desk.page.until(
        "document.getElementById('hops').textContent.includes('operator: resend the table has a row now')"
    )
    assert desk.page.errors == []


async def open_stopped(desk: Desk, name: str, order: str) -> None:
    """Open a stopped message, and the dialog of an order for it."""
    await desk.find(name)
    await desk.page.until(f"document.getElementById('{order}').checkVisibility()")
    await desk.page.run(f"document.getElementById('{order}').click()")
    await desk.page.until("document.getElementById('order-dialog').open")


async def give(desk: Desk, reason: str) -> None:
    """Say why, and give the order."""
    await desk.page.run("document.querySelector('#order-dialog [name=reason]').focus()")
    await desk.page.write(reason)
    await desk.page.press("Enter")


async def told(desk: Desk, path: str) -> Any:
    """Return what the hub says."""
    async with aiohttp.ClientSession() as session, session.get(f"{desk.hub}{path}") as answer:
        return await answer.json()


async def test_a_stopped_message_is_discarded_from_the_page_with_a_reason_and_an_audit_entry(desk):
    """What a ward sent as a test must not stand in the list for ever, and nobody may give it up in silence."""
    await desk.send(adt("Q1", "A77", application="NOBODY"))
    await open_stopped(desk, "Q1", "discard")
    assert "given up for good" in await desk.page.run("document.getElementById('order-says').textContent")
    await give(desk, "  ")
    assert await desk.page.run("document.getElementById('order-dialog').open"), "a reason of blanks is none"
    await give(desk, "a test of the ward")

    await desk.page.until("document.getElementById('detail-title').textContent.includes('discarded')")
    assert not await desk.page.run("document.getElementById('stopped-pane').checkVisibility()")
    assert not await desk.page.run("document.getElementById('discard').checkVisibility()")
    [entry] = (await told(desk, "/hub/audit"))["audit"]
    assert (entry["act"], entry["reason"], entry["who"]) == ("discard", "a test of the ward", "laptop")
    assert desk.page.errors == []


async def test_a_stopped_message_is_corrected_on_the_page_and_both_name_each_other(desk):
    """At 3 a.m. one field is wrong; nobody should have to find the file, edit it and type its path."""
    await desk.send(adt("Q1", "A77", name="Müller^Änne", application="NOBODY"))
    old = (await told(desk, "/hub/messages/Q1"))["message"]["id"]
    await open_stopped(desk, "Q1", "correct")
    text = "document.querySelector('#order-dialog textarea')"
    assert await desk.page.run(f"{text}.value.split('\\n')[0].startsWith('MSH|')")

    await give(desk, "the event")
    problem = "document.getElementById('order-problem')"
    refused = await desk.page.until(f"{problem}.checkVisibility() && {problem}.textContent")
    assert "the same as the one that was stopped" in refused
    assert await desk.page.run(f"{text}.value.includes('A77')"), "what was written stays"
    await desk.page.run(f"{text}.value = {text}.value.replaceAll('A77', 'A08')")
    await give(desk, "")

    await desk.page.until("document.getElementById('detail-title').textContent.includes('routed')")
    hops = await desk.page.run("document.getElementById('hops').textContent")
    assert f"operator: corrects {old}" in hops
    [copy, *_] = (await told(desk, "/hub/messages"))["messages"]
    async with aiohttp.ClientSession() as session, session.get(f"{desk.hub}/hub/messages/{copy['id']}/raw") as answer:
        sent = await answer.read()
    assert sent == adt("Q1", "A08", name="Müller^Änne", application="NOBODY")
    assert (await told(desk, f"/hub/messages/{old}"))["message"]["state"] == "discarded"
    assert "Müller" not in await desk.page.run(
        "location.href + document.querySelector('#order-dialog form').text.value"
    )
    assert [one for one in desk.page.errors if "400" not in one] == []


async def test_a_message_is_corrected_from_a_file_too(desk):
    """Of letters that the page cannot keep, and of what a program has mended."""
    await desk.send(adt("Q1", "A77", application="NOBODY"))
    await open_stopped(desk, "Q1", "correct")
    mended = adt("Q1", "A08", application="NOBODY").decode().replace("\r", "\n")
    await desk.page.run(
        f"const files = new DataTransfer(); files.items.add(new File([{json.dumps(mended)}], 'mended.hl7'));"
        "document.querySelector('#order-dialog [name=file]').files = files.files"
    )
    await give(desk, "the event")
    await desk.page.until("document.getElementById('detail-title').textContent.includes('routed')")
    [copy, *_] = (await told(desk, "/hub/messages"))["messages"]
    async with aiohttp.ClientSession() as session, session.get(f"{desk.hub}/hub/messages/{copy['id']}/raw") as answer:
        assert await answer.read() == adt("Q1", "A08", application="NOBODY")


@pytest.mark.parametrize(
    ("raw", "old", "new", "sent"),
    [
        (LATIN + b"\rPID|M\xfcller\r", "ü", "Ü", LATIN + b"\rPID|M\xdcller\r"),
        (b"MSH|^~\\&|a\nPID|Mueller\n", "ue", "ü", "MSH|^~\\&|a\rPID|Müller\r".encode()),
        (LATIN + b"\rPID|Mueller", "ue", "ü", LATIN + b"\rPID|M\xfcller\r"),
        (b"MSH|^~\\&|a|||||||||||||||8859/2\rPID|Mueller", "ue", "ü", "MSH-18 says 8859/2"),
        (LATIN + b"\rPID|Mueller", "ue", "ł", "The message cannot hold ł"),
        ('{"a": "ł"}'.encode(), "ł", "Ł", '{"a": "Ł"}'.encode()),
    ],
)  # fmt: skip
async def test_what_is_not_touched_in_a_correction_keeps_its_bytes(desk, raw, old, new, sent):
    """A letter that changes on its way through a browser is another name."""
    script = (
        "import('/console/correction.js').then(({ toEdit, fromEdit }) => {"
        f"const bytes = Uint8Array.from({list(raw)}); const {{ text }} = toEdit(bytes);"
        f"try {{ return [...fromEdit(text.replace({json.dumps(old)}, {json.dumps(new)}), bytes)] }}"
        "catch (error) { return error.message } })"
    )
    got = await desk.page.run(script)
    assert got.startswith(sent) if isinstance(sent, str) else bytes(got) == sent


async def test_letters_that_the_page_cannot_keep_are_left_to_a_file(desk):
    """An editor knows them; the page would write others."""
    for raw, why in ((b"MSH|^~\\&|a|||||||||||||||8859/2\rPID|M\xb3\r", "8859/2"), (b"M" * 1_000_001, "too large")):
        script = f"import('/console/correction.js').then(({{ toEdit }}) => toEdit(Uint8Array.from({list(raw)})).why)"
        assert why in await desk.page.run(script)


@pytest.mark.parametrize("order", ["resend", "correct", "discard"])
async def test_the_dialog_of_an_order_fits_into_a_narrow_window(desk, order):
    """On a telephone, with long names, the button must be there."""
    await desk.page.resize(360, 640)
    await desk.send(adt("Q" * 40, "A77", application="NOBODY"))
    await open_stopped(desk, "Q" * 40, order)
    dialog = "document.getElementById('order-dialog')"
    assert await desk.page.run(f"{dialog}.scrollWidth - {dialog}.clientWidth") == 0
    assert await desk.page.run(f"{dialog}.getBoundingClientRect().right <= innerWidth")
    await desk.page.press("Escape")
    await desk.page.until(f"!{dialog}.open")


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_of_a_message_is_out_of_sight_where_there_is_little_room(desk, width):
    """On a telephone, and beside an open message, state and reason come first for whoever is woken."""
    await desk.page.resize(width, 900)
    await desk.send(adt("Q1", "A77", application="NOBODY"))
    await desk.find("Q1")
    await desk.page.until("Boolean(document.querySelector('#stopped tr') && document.querySelector('tr.chosen'))")

    for pane in ("stopped-pane", "list-pane"):
        hidden = f"document.getElementById('{pane}').scrollWidth - document.getElementById('{pane}').clientWidth"
        assert await desk.page.run(hidden) == 0, pane


async def test_the_samples_fit_into_a_window_of_any_width(laptop, desk):
    """Ids of apps are long, and where a message went stands behind them."""
    assert await send_samples(laptop.settings.interfaces, laptop.listener.port, laptop.host.port) == ""
    await desk.page.until("document.querySelectorAll('#messages .chip.good').length > 30")

    for width in (360, 700, 900, 1000, 1100, 1280):
        await desk.page.resize(width, 900)
        pane = "document.getElementById('list-pane')"
        assert await desk.page.run(f"{pane}.scrollWidth - {pane}.clientWidth") == 0, width


async def test_a_destination_is_paused_and_resumed_and_the_button_keeps_the_focus(desk):
    """The list is drawn anew every two seconds; a keyboard user must not lose the place."""
    await desk.page.run("document.querySelector('#destinations button').focus()")
    for state, word in (("paused", "Resume"), ("ready", "Pause")):
        await desk.page.press("Enter")
        shown = f"document.querySelector('#destinations tr').textContent.includes('{state}{word}')"
        await desk.page.until(shown)
        assert await desk.page.run(f"document.activeElement.textContent === '{word}'")
    assert desk.page.errors == []


async def test_an_interface_is_paused_and_resumed_and_what_it_takes_is_counted(desk):
    """The kill switch is on the page that is open at 3 a.m., and says what it holds up."""
    row = "document.querySelector('#interfaces [data-key=hl7_default]').closest('tr')"
    await desk.page.run(f"{row}.querySelector('button').focus()")
    await desk.page.press("Enter")
    await desk.page.until(f"{row}.textContent.includes('pausedResume')")
    await desk.send(adt("H1", application="NOBODY"))
    await desk.page.until(f"{row}.querySelector('.count').textContent === '1'")
    await desk.page.press("Enter")
    await desk.page.until(f"{row}.textContent.includes('0activePause')")
    assert desk.page.errors == []


async def test_what_is_not_there_is_said_in_one_sentence_and_escape_closes(desk):
    """A mistyped id is the most frequent error of all."""
    await desk.send(adt("E1", application="NOBODY"))
    await desk.find("E1")
    await desk.page.until("document.getElementById('detail-pane').checkVisibility()")

    await desk.find("NOPE")
    said = await desk.page.until("document.getElementById('notice').checkVisibility() && notice.textContent")
    assert said.startswith("HUB-404: there is no such thing")

    await desk.page.run("document.activeElement.blur()")
    await desk.page.press("Escape")
    await desk.page.until("!document.getElementById('detail-pane').checkVisibility()")


async def test_a_destination_that_fails_says_why_and_is_tried_at_once_when_it_is_back(laptop, desk):
    """Whoever repaired it has the page open, and waits for nothing."""
    billing = laptop.receivers.named("billing")
    await billing.switch_down()
    sample = laptop.settings.interfaces / "hospital_adt" / "samples" / "01-admission.hl7"
    await desk.send(sample.read_bytes().replace(b"\n", b"\r"))
    row = "document.querySelector('#destinations [data-key=billing]').closest('tr')"
    await desk.page.until(f"{row}.nextSibling?.textContent.includes('refused: nobody listens at its address')")
    for width in (360, 1100, 1280):
        await desk.page.resize(width, 900)
        pane = "document.getElementById('destinations-pane')"
        assert await desk.page.run(f"{pane}.scrollWidth - {pane}.clientWidth") == 0, width

    await billing.switch_up()
    await desk.page.run(f"{row}.querySelector('[title=\"resume billing\"]').click()")
    await desk.page.until(f"{row}.textContent.includes('ready')")
    assert desk.page.errors == []


async def test_a_hub_that_is_not_well_says_so_on_the_page(laptop, desk, monkeypatch):
    """A full disk: the lists are answered as ever, and nobody who looks at them alone would know."""

    async def full(*_: object) -> None:
        raise StorageFull("archive")

    assert not await desk.page.run("document.getElementById('unwell').checkVisibility()")
    monkeypatch.setattr("shared.console.health.Health._write_and_read", full)
    await desk.page.run("location.reload()")
    said = await desk.page.until("document.getElementById('unwell')?.checkVisibility() && unwell.textContent")
    assert said.startswith("The hub is not well: archive: STORAGE-001: the disk is full; ")
