"""The whole hub on one machine, with the real `function_app.py`: every message once, whatever goes down."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from local.laptop import Laptop, LaptopOptions
from shared.message.errors.configuration import PortInUse
from shared.message.errors.storage import HomeInUse
from tests.doubles.laptop import own_laptop, ward_admission

INTERFACES = Path(__file__).parents[2] / "interfaces"


@pytest.fixture
def options(tmp_path, monkeypatch):
    return own_laptop(tmp_path, monkeypatch)


@asynccontextmanager
async def running(options):
    """Yield a laptop that runs, and an operator who asks its API."""
    laptop = Laptop(options)
    await laptop.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{laptop.host.port}") as session:

        async def ask(path, method="GET"):
            async with session.request(method, path) as response:
                return await response.json(content_type=None)

        try:
            yield laptop, ask
        finally:
            await laptop.stop()


async def send(laptop, control_id, patient="4711"):
    """Send one admission over MLLP; return MSA-1 of its acknowledgement."""
    reader, writer = await asyncio.open_connection("127.0.0.1", laptop.listener.port)
    writer.write(b"\x0b" + ward_admission(control_id, patient) + b"\x1c\r")
    answer = await reader.readuntil(b"\x1c\r")
    writer.close()
    return answer.partition(b"MSA|")[2][:2].decode()


async def until(condition, seconds=15.0):
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # the API sets no event
            await asyncio.sleep(0.05)


async def test_the_collector_is_as_before_when_the_laptop_has_stopped(options):
    """What is ready is spared while it runs; a process that goes on must not keep it for ever."""
    before = gc.get_threshold(), gc.get_freeze_count()

    async with running(options):
        spared = gc.get_freeze_count()

    assert spared > before[1]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before[0], 0)


def settled(ask, control_id):
    async def all_accepted():
        deliveries = (await ask(f"/hub/messages/{control_id}")).get("deliveries", [])
        return deliveries and {one["state"] for one in deliveries} == {"accepted"}

    return all_accepted


async def received(ask):
    return {one["name"]: (one["received"], one["repeated"]) for one in await ask("/local/receivers")}


async def test_admission_over_mllp_reaches_every_destination_once(options):
    """The first thing anybody tries."""
    async with running(options) as (laptop, ask):
        assert await send(laptop, "A1") == "AA"
        await until(settled(ask, "A1"))

        counts = await received(ask)
        patients = (await ask("/hub/summary"))["resources"]["Patient"]

    assert {name: counts[name] for name in ("billing", "patient_app", "legacy_lab")} == {
        "billing": (1, 0),
        "patient_app": (1, 0),
        "legacy_lab": (1, 0),
    }
    assert patients == 1


async def test_destination_that_was_down_gets_what_waited_once_and_the_others_never_waited(options):
    """`caduceus receiver billing down`, messages, `up`: nothing lost, nothing twice, nobody held up."""
    async with running(options) as (laptop, ask):
        await ask("/local/receivers/billing/down", "POST")
        for number in range(3):
            await send(laptop, f"B{number}", patient=f"47{number}")

        async def others_have_all():
            return (await received(ask))["patient_app"] == (3, 0)

        await until(others_have_all)
        assert (await received(ask))["billing"] == (0, 0)

        await ask("/local/receivers/billing/up", "POST")
        await ask("/hub/destinations/billing/resume", "POST")
        for number in range(3):
            await until(settled(ask, f"B{number}"))

        assert (await received(ask))["billing"] == (3, 0)


async def test_second_start_continues_where_the_first_ended(options):
    """What was acknowledged before the stop arrives after it; what arrived does not arrive again."""
    async with running(options) as (laptop, ask):
        await ask("/local/receivers/billing/down", "POST")
        await send(laptop, "C1")
        await send(laptop, "C1")

    async with running(options) as (laptop, ask):
        await ask("/hub/destinations/billing/resume", "POST")
        await until(settled(ask, "C1"))
        counts = await received(ask)
        kept = (await ask("/hub/messages"))["messages"]

    assert [one["control_id"] for one in kept] == ["C1"]
    assert (counts["billing"], counts["patient_app"]) == ((1, 0), (1, 0))


async def test_home_is_one_laptops_at_a_time_and_the_one_that_runs_is_left_in_peace(options):
    """Two hubs on one database would each acknowledge what the other loses; and a second start on free ports must not
    tell the first one's destinations to look where nobody listens."""
    async with running(options) as (laptop, ask):
        addresses = laptop.home.addresses.read_bytes()

        with pytest.raises(HomeInUse):
            await Laptop(options).start()

        assert laptop.home.addresses.read_bytes() == addresses
        assert await send(laptop, "A1") == "AA"
        await until(settled(ask, "A1"))


async def test_port_in_use_stops_the_start_before_anything_was_touched(options, tmp_path):
    """One sentence, and no half-started hub."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(PortInUse, match=str(port)):
        await Laptop(LaptopOptions(home=tmp_path / "home", http_port=port, mllp_port=0)).start()

    assert not (tmp_path / "home").exists()
    server.close()


async def test_fhir_over_http_reaches_the_store_and_the_app_beside_the_hospitals_own(options):
    """The sample app's upload, as `curl` sends it: the person it is about is the one that the hospital admitted."""
    admission = INTERFACES / "hospital_adt" / "samples" / "01-admission.hl7"
    upload = INTERFACES / "vitals_app" / "samples" / "01-home-readings.fhir.json"
    media = {"Content-Type": "application/fhir+json; fhirVersion=5.0"}
    async with running(options) as (laptop, ask), aiohttp.ClientSession() as session:
        hub = f"http://127.0.0.1:{laptop.host.port}"
        async with session.post(f"{hub}/ingest", data=admission.read_bytes()) as answer:
            assert answer.status == 200
        async with session.post(f"{hub}/ingest/vitals_app", data=upload.read_bytes(), headers=media) as answer:
            said = await answer.json(content_type="application/fhir+json")
            message = answer.headers["Caduceus-Message"]

        async def has_arrived():
            deliveries = (await ask("/hub/messages/UP-2025-03-17-0042"))["deliveries"]
            return [one["state"] for one in deliveries] == ["accepted", "accepted"]

        await until(has_arrived)
        patients = (await ask("/fhir/Patient"))["entry"]
        [pressure] = (await ask("/fhir/Observation"))["entry"]
        report = await ask(f"/hub/messages/{message}/report")

    assert (answer.status, said["resourceType"]) == (202, "OperationOutcome")
    assert [one["resource"]["name"][0]["family"] for one in patients] == ["Holloway"]
    assert pressure["resource"]["subject"]["reference"] == f"Patient/{patients[0]['resource']['id']}"
    assert report["counts"]["lost"] == 0
