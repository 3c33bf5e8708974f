"""Another configuration while senders are connected: all of it is tried first, and nobody is dropped."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from connector.__main__ import _reload_when
from connector.certificates import certificates
from connector.config_file import read_config
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
from shared.message.errors.connector import ConnectorConfigInvalid
from tests.connector.certificate_authority import Authority
from tests.connector.conftest import free_port
from tests.connector.peers import Source, admission
from tests.connector.test_commands import write
from tests.connector.test_ways import is_let_in
from tests.doubles.tcp_line import TcpLine
from tests.doubles.waiting import until


def changed(config, **tables):
    """Return a configuration in which some tables are others; a dict changes the keys of one."""
    update = {
        name: getattr(config, name).model_copy(update=table) if isinstance(table, dict) else table
        for name, table in tables.items()
    }
    return config.model_copy(update=update)


def listening(config, **keys):
    """Return it with other keys in the first listener."""
    return changed(config, listen=(config.listen[0].model_copy(update=keys), *config.listen[1:]))


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def test_another_way_to_the_hub_takes_what_begins_now_and_the_old_one_ends_what_had_begun(hospital):
    """A new gateway, a new proxy, a new key: the line is replaced, the sender notices nothing."""
    connector = await hospital.connector({"acknowledge": "end_to_end"})
    source = await hospital.source(connector)
    hospital.hub.delay_seconds = 0.3
    await source.send(admission("M1"))
    await until(lambda: connector.intakes["adt"].backlog().count == 1)
    await asyncio.sleep(0.05)
    other = TcpLine(hospital.hub.port)
    await other.start()
    hospital.keep(other.stop)
    after = changed(connector.config, hub={"url": f"http://127.0.0.1:{other.port}", "linger_seconds": 1.0})
    assert await connector.reload(after) == []
    assert b"MSA|AA|M1" in await source.answer()
    assert (hospital.hub.duplicates, other.carried) == (0, 0)
    assert (await source.ask(admission("M2"))).code == "AA"
    assert (hospital.hub.control_ids, other.carried) == (["M1", "M2"], 1)


async def test_destinations_come_and_go_and_what_waited_is_delivered(hospital, tmp_path):
    """A laboratory that moved: the message that it did not take before goes to where it is now."""
    relay = LocalRelay({"down": False}, Access({"root": Key("k")}))
    await relay.start()
    hospital.keep(relay.stop)
    (tmp_path / "key").write_text("k")
    old, new = await hospital.system(), await hospital.system()
    lab = {"name": "lab", "address": f"mllp://127.0.0.1:{free_port()}", "retry_base_seconds": 0.05}
    way = {"url": f"http://127.0.0.1:{relay.port}/down", "key_name": "root", "key": f"file:{tmp_path / 'key'}"}
    rx = {"name": "rx", "address": f"mllp://127.0.0.1:{old.port}"}
    connector = await hospital.connector({}, deliver=(lab, rx), relay=way)
    await connector._down.take("D1", "lab", "", "D1", admission("D1"))
    connector.deliverers["lab"].wake.set()
    tables = hospital.config({}, deliver=({**lab, "address": f"mllp://127.0.0.1:{new.port}"},)).deliver
    assert await connector.reload(changed(connector.config, deliver=tables)) == []
    await until(lambda: new.accepted == ["D1"])
    assert list(connector.deliverers) == ["lab"]
    await until(lambda: connector.relay.online == 1)
    assert relay.listeners("down") == 1


async def test_a_way_up_that_was_not_there_needs_a_restart(hospital):
    """Its spool's streams are opened at the start; a connector that only delivers goes on doing so."""
    system = await hospital.system()
    lab = {"name": "lab", "address": f"mllp://127.0.0.1:{system.port}"}
    relay = {"url": f"http://127.0.0.1:{free_port()}/down"}
    after = hospital.config({}, deliver=(lab,), relay=relay)
    connector = await hospital.start(after.model_copy(update={"hub": None, "listen": ()}))
    assert await connector.reload(after) == ["hub"]
    assert (connector.listeners, connector.config.hub, list(connector.deliverers)) == ({}, None, ["lab"])


async def test_what_cannot_be_used_changes_nothing(hospital, authority):
    """A certificate that is not there, a port that somebody has: said by table; the next reload is as good as ever."""
    connector = await hospital.connector({}, {"name": "oru"})
    source = await hospital.source(connector)
    before = connector.config
    taken = await hospital.connector({}, connector={"folder": str(authority.folder / "other")})
    nowhere = {"certificate": authority.folder / "no.pem", "key": authority.folder / "no.key"}
    tls = before.listen[0].model_validate({**before.listen[0].model_dump(), "tls": nowhere})
    for wrong, said in (
        (changed(before, listen=(tls, before.listen[1])), r"\[\[listen\]\] adt: FileNotFoundError"),
        (changed(before, hub={"authority": authority.folder / "no.pem"}), r"\[hub\]: FileNotFoundError"),
        (listening(before, port=taken.listeners["adt"].port), r"\[\[listen\]\] adt: cannot listen"),
        (listening(before, address="203.0.113.1"), r"\[\[listen\]\] adt: cannot listen"),
    ):
        with pytest.raises(ConnectorConfigInvalid, match=said):
            await connector.reload(wrong)
        assert connector.config == before
        assert sorted(connector.listeners) == ["adt", "oru"]
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    await source.close()
    assert await connector.reload(listening(before, connections=10)) == []


async def test_a_refused_reload_says_why_where_the_log_is_read(hospital, tmp_path, capsys):
    """A person at three in the morning needs the table, not the name of an exception."""
    file, _ = write(tmp_path, hospital.hub.port)
    connector = await hospital.start(read_config(file))
    nowhere = f'[[listen]]\ntls = {{ certificate = "{tmp_path}/no.pem", key = "{tmp_path}/no.key" }}\n'
    file.write_text(file.read_text("utf-8").replace("[[listen]]\n", nowhere), "utf-8")
    order, said = asyncio.Event(), ""
    reloading = asyncio.create_task(_reload_when(order, connector, file))
    order.set()
    async with asyncio.timeout(20):
        while "[[listen]] adt: FileNotFoundError" not in said:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().err
    reloading.cancel()


async def test_two_ports_that_cannot_be_had_are_both_told(hospital, monkeypatch):
    """The new one is why; the old one, which somebody took meanwhile, is what is missing now. The others are back."""
    connector = await hospital.connector({}, {"name": "oru"}, {"name": "siu"})
    open_listener = connector.open_listener
    gone = []

    async def open_once_each(table):
        if table.address == "127.0.0.2" or (table.name == "oru" and gone):
            gone.append(table.name)
            raise ConnectorConfigInvalid([f"[[listen]] {table.name}: cannot listen: OSError"])
        return await open_listener(table)

    monkeypatch.setattr(connector, "open_listener", open_once_each)
    adt, oru, siu = connector.config.listen
    moved = (
        siu.model_copy(update={"address": "127.0.0.3"}),
        *(one.model_copy(update={"address": "127.0.0.2"}) for one in (oru, adt)),
    )
    with pytest.raises(ConnectorConfigInvalid) as caught:
        await connector.reload(changed(connector.config, listen=moved))
    first, *others = caught.value.problems
    assert first == "[[listen]] oru: cannot listen: OSError"
    assert others == [f"it is closed now, until a reload can open it again: {first}"]
    assert sorted(connector.listeners) == ["adt", "siu"]
    monkeypatch.undo()
    assert (await (await hospital.source(connector, "siu")).ask(admission("M1"))).code == "AA"
    assert await connector.reload(connector.config) == []  # when the port is free again
    assert sorted(connector.listeners) == ["adt", "oru", "siu"]


async def test_listeners_change_their_ports_with_each_other(hospital):
    """And one gets another name: what stands in the way is closed first, not taken for a stranger's."""
    connector = await hospital.connector({}, {"name": "oru"})
    adt, oru = connector.config.listen
    swapped = (adt.model_copy(update={"port": oru.port}), oru.model_copy(update={"port": adt.port}))
    assert await connector.reload(changed(connector.config, listen=swapped)) == []
    assert (connector.listeners["adt"].port, connector.listeners["oru"].port) == (oru.port, adt.port)
    renamed = (swapped[0].model_copy(update={"name": "adt2"}), swapped[1])
    assert await connector.reload(changed(connector.config, listen=renamed)) == []
    assert (await (await hospital.source(connector, "adt2")).ask(admission("M1"))).code == "AA"
    assert list(hospital.hub.taken) == ["north/adt2"]


async def test_a_listener_asks_for_certificates_from_now_on_and_drops_nobody(hospital, authority):
    """Encryption is switched on, and another authority trusted, while senders are connected."""
    ours, theirs = authority.issue("connector"), authority.issue("ehr")
    connector = await hospital.connector({"acknowledge": "spool"})
    standing = await hospital.source(connector)
    tls = {"certificate": ours.certificate, "key": ours.key, "authority": authority.certificate}
    table = connector.config.listen[0]
    after = changed(connector.config, listen=(table.model_validate({**table.model_dump(), "tls": tls}),))
    assert await connector.reload(after) == []
    assert (await standing.ask(admission("M1"))).code == "AA"
    context = ssl.create_default_context(cafile=authority.certificate)
    port = connector.listeners["adt"].port
    assert not await is_let_in(port, context)
    context.load_cert_chain(theirs.certificate, theirs.key)
    source = await Source.connect(port, context, "localhost")
    assert (await source.ask(admission("M2"))).code == "AA"
    await source.close()


async def test_a_certificate_that_was_renewed_on_the_disk_is_taken_within_the_hour(hospital, authority, monkeypatch):
    """Whoever renews it may not think of us, and Windows has no signal."""
    monkeypatch.setattr("connector.process._TEND_SECONDS", 0.05)
    first, second = authority.issue("connector", days=10), authority.issue("connector", days=90)
    tls = {"certificate": str(first.certificate), "key": str(first.key)}
    connector = await hospital.connector({"tls": tls})
    context = ssl.create_default_context(cafile=authority.certificate)
    before = connector.listeners["adt"].tls
    first.key.write_bytes(second.key.read_bytes())
    first.certificate.write_bytes(second.certificate.read_bytes())
    await until(lambda: connector.listeners["adt"].tls is not before)
    source = await Source.connect(connector.listeners["adt"].port, context, "localhost")
    assert (await source.ask(admission("M1"))).code == "AA"
    await source.close()
    assert connector.report()["certificates"][0]["days"] > 80


def test_the_certificate_that_signs_in_is_watched_like_every_other(hospital, authority, monkeypatch):
    """It is the one that everything hangs on, and no table names it."""
    issued = authority.issue("identity", days=20)
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(issued.certificate))
    assert certificates(hospital.config({})) == []
    entra = hospital.config({}, hub={"authentication": "entra", "scope": "api://hub/.default"})
    found = certificates(entra)
    assert [(one.of, one.file) for one in found] == [("identity", issued.certificate)]
