"""The echo message of a connector: what is written is read, and what anybody else writes harms nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from shared.hl7 import parse
from shared.hl7.echo import ECHO_BEGINS, is_echo, read_echo, write_echo
from shared.hl7.structure import check_structure
from shared.message.beat import Beat, Certificate, Heard, MirrorState, decode_heard, encode_heard

AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
BEAT = Beat(
    connector="north_hospital", version="0.1.0", sent=AT, every_seconds=300, waiting=17, oldest=AT, refused=2, held=1,
    spool_bytes=123_456, mirror=MirrorState.BEHIND,
    certificates=(Certificate("adt", AT), Certificate("laboratory", None)),
)  # fmt: skip


@pytest.mark.parametrize("beat", [BEAT, Beat("n", "1", AT, 0.5)])
def test_a_beat_that_is_written_is_read(beat):
    """The connector writes it, the hub reads it: one module, so that they cannot differ."""
    raw = write_echo(beat)
    message = parse(raw)
    assert raw.startswith(ECHO_BEGINS)
    assert is_echo(message)
    assert read_echo(message) == beat


def test_an_echo_has_the_structure_that_the_standard_gives_it():
    """NMD_N02 of version 2.5.1: MSH, then NCK, NTE, NST, NTE (HL7 v2.5.1, 14.3.1)."""
    assert check_structure(parse(write_echo(BEAT))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"every_seconds=300", b"every_seconds=inf"),
        (b"every_seconds=300", b"every_seconds=nan"),
        (b"every_seconds=300", b"every_seconds=-1"),
        (b"every_seconds=300", b"every_seconds=1e9"),
        (b"waiting=17", b"waiting=many"),
        (b"version=", b"release="),
        (b"sent=2026", b"sent=yesterday"),
        (b"certificate=adt 2026", b"certificate=adt never"),
        (b"mirror=behind", b"mirror=cracked"),
    ],
)
def test_what_cannot_be_read_is_no_beat(old, new):
    """It came from outside: the watch over all connectors must not fall over one of them."""
    raw = write_echo(BEAT)
    assert old in raw
    assert read_echo(parse(raw.replace(old, new))) is None


def test_a_beat_is_kept_as_it_was():
    """What the adapters keep."""
    for heard in (Heard(BEAT, AT), Heard(Beat("n", "1", AT, 1), AT)):
        assert decode_heard(encode_heard(heard)) == heard


def test_a_connector_or_a_hub_from_before_mirrors_were_told_of_is_understood():
    """Connectors and hubs are upgraded on different days: an echo and a kept beat without the fact have no mirror."""
    older = parse(write_echo(BEAT).replace(b"mirror=behind", b"other=fact"))
    assert read_echo(older) == BEAT._replace(mirror=MirrorState.NONE)
    kept = orjson.loads(encode_heard(Heard(BEAT, AT)))
    kept[0].pop()
    assert decode_heard(orjson.dumps(kept)).beat == BEAT._replace(mirror=MirrorState.NONE)
