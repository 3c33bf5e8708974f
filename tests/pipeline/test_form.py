"""What a sender does against the standard is told, from its bytes to whoever asks which messages have it."""

from __future__ import annotations

import re

import orjson
import pytest

from tests.pipeline.messages import adt, batch

NOTE = "\rNTE|1||first\nSMITHSON|ANNA|19800101\rPV1"  # a note that was broken where a name begins a line
RELATIVE = "\rNK1|1|Smithson^Bj\xf6rn|SPO\rPV1"
SENT = adt("A1")


def with_before_visit(segments: str) -> bytes:
    return SENT.replace(b"\rPV1", segments.encode("latin-1"))


VARIANTS = {
    "cr": (SENT, []),
    "lf": (SENT.replace(b"\r", b"\n"), [("line_end_not_cr", "MSH", "")]),
    "crlf": (SENT.replace(b"\r", b"\r\n"), [("line_end_not_cr", "MSH", "")]),
    "mixed": (SENT.replace(b"\rPV1", b"\nPV1"), [("line_end_not_cr", "MSH", "")]),
    "bom": (b"\xef\xbb\xbf" + SENT, [("byte_order_mark", "MSH", "")]),
    "bom, lf": (
        b"\xef\xbb\xbf" + SENT.replace(b"\r", b"\n"),
        [("byte_order_mark", "MSH", ""), ("line_end_not_cr", "MSH", "")],
    ),
    "blank": (b"\r\r" + SENT, [("blank_before_header", "MSH", "2 bytes")]),
    "cut": (SENT.removesuffix(b"\r"), [("last_line_end_missing", "MSH", "")]),
    "frame": (SENT + b"\x1c\r", [("frame_left_over", "MSH", "")]),
    "doubled": (SENT.replace(b"^~\\&", b"^~\\\\&"), [("encoding_characters_doubled", "MSH-2", "")]),
    "three": (SENT.replace(b"^~\\&", b"^~\\"), [("encoding_characters_missing", "MSH-2", "3 of 4")]),
    "two": (SENT.replace(b"^~\\&", b"^~"), [("encoding_characters_missing", "MSH-2", "2 of 4")]),
}


@pytest.mark.parametrize(("raw", "told"), VARIANTS.values(), ids=VARIANTS)
async def test_what_is_against_the_standard_is_told_and_the_message_is_the_same(start_hub, raw, told):
    """Whoever looks at a message sees what to tell its sender; nothing else of it differs."""
    hub = await start_hub()
    await hub.take(raw)
    await hub.work()

    assert await traced(hub) == told
    [patient] = await hub.resources("Patient")
    assert (patient["name"][0]["family"], patient["birthDate"]) == ("Example", "1980-01-01")
    assert len(await hub.resources("Encounter")) == 1


@pytest.mark.parametrize(("raw", "told"), VARIANTS.values(), ids=VARIANTS)
async def test_messages_are_found_by_what_their_sender_did(start_hub, raw, told):
    """When the sender is repaired, whom it concerned is one question."""
    hub = await start_hub()
    await hub.take(raw)
    await hub.take(adt("A2", number="70002^^^GENERAL^MR", visit="V2"))
    await hub.work()

    for code in {code for _, told in VARIANTS.values() for code, _, _ in told}:
        has_it = int(code in [one[0] for one in told])
        assert (await hub.hub.affected.count({"finding": code}))["messages"] == has_it
        assert (await hub.hub.replays.plan(orjson.dumps({"finding": code})))["messages"] == has_it


async def test_each_message_of_a_batch_is_told_its_own(start_hub):
    """A batch is put together by one system of the messages of others."""
    hub = await start_hub()
    await hub.take(batch(adt("A1"), adt("A2", number="70002^^^GENERAL^MR", visit="V2").replace(b"\rPV1", b"\nPV1")))
    await hub.work()

    assert (await hub.findings("A1"), await hub.findings("A2")) == (set(), {"line_end_not_cr"})


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        (NOTE.replace("|ANNA", " ANNA"), {("line_end_in_field", "NTE", ""), ("line_end_not_cr", "MSH", "")}),
        (f"\rNTE|1||x{NOTE.replace('|ANNA', ' ANNA')}", {("line_end_in_field", "NTE(2)", "")}),
        (NOTE.replace("|ANNA", "|\xfe"), {("charset_undecodable", "line 5-1", "")}),
        (RELATIVE, {("charset_undecodable", "NK1-2", "")}),
        (f"\rNK1|1{RELATIVE}", {("charset_undecodable", "NK1(2)-2", "")}),
    ],
)
async def test_a_place_in_the_message_is_named_and_its_content_is_not(start_hub, segments, told):
    """A line that lost the name of its segment may begin with a patient's."""
    hub = await start_hub()
    await hub.take(with_before_visit(segments))
    await hub.work()

    found = await traced(hub)
    assert told <= set(found)
    assert not re.search("smithson|anna|1980|bj", str(found), re.IGNORECASE)


async def test_a_place_after_a_document_is_where_it_was_in_the_whole_message(start_hub):
    """A long document is set aside while its message is worked on: an offset in what is left would lead elsewhere."""
    document = "OBX|1|ED|18842-5^Summary^LN||^application^pdf^base64^" + "QUJD" * 100_000
    hub = await start_hub()
    await hub.take(with_before_visit(f"\r{document}{RELATIVE}"))
    await hub.work()

    assert ("charset_undecodable", "NK1-2", "") in await traced(hub)


async def traced(hub) -> list[tuple[str, str, str]]:
    _, findings = await hub.hub.adapters.ledger.trace((await hub.record("A1")).message)
    return findings
