"""Charsets: decoded before anything is split, and never guessed where it matters."""

from __future__ import annotations

import pytest

from shared.hl7 import parse
from shared.message.errors.hl7 import CharsetUnsupported, ContentUndecodable
from tests.unit.hl7.samples import with_charset, with_header


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("ASCII", "ascii", "Anna"),
        ("8859/1", "latin-1", "Müller"),
        ("8859/2", "iso8859-2", "Łukasz"),
        ("8859/5", "iso8859-5", "Дмитрий"),
        ("8859/7", "iso8859-7", "Ελένη"),
        ("8859/8", "iso8859-8", "שרה"),
        ("8859/9", "iso8859-9", "Işık"),
        ("8859/15", "iso8859-15", "Œuvre€"),
        ("UNICODE", "utf-8", "田中"),
        ("UNICODE UTF-8", "utf-8", "田中 Müller"),
        ("utf-8", "utf-8", "Müller"),
        ("GB 18030-2000", "gb18030", "张伟"),
        ("KS X 1001", "euc_kr", "김민수"),
        ("BIG-5", "big5", "陳大文"),
        ("~ISO IR87", "iso2022_jp", "田中"),
        ("ISO IR14~ISO IR87", "iso2022_jp", "田中"),
        ("~ISO IR159", "iso2022_jp_1", "田中丂"),
        ("ISO IR14", "cp932", "ﾀﾅｶ"),
        ("SHIFT_JIS", "cp932", "田中"),
        ("WINDOWS-1252", "cp1252", "Müller–Weiß"),
    ],
)
def test_a_declared_charset_is_read_and_written(declared: str, codec: str, name: str) -> None:
    """HL7 table 0211, and the names senders write instead; expected text is encoded by Python's own codec."""
    raw = with_header(with_charset(declared), f"PID|1||7||{name}^X||19800101", encoding=codec)

    message = parse(raw)
    message.set("PID-8", "F")

    assert message.get("PID-5") == name
    assert message.get("PID-7") == "19800101"
    assert message.findings == []
    assert message.to_bytes() == raw.removesuffix(b"\r") + b"|F\r"


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("SHIFT_JIS", "cp932", "表ソ能"),  # second byte 5C, the backslash
        ("SHIFT_JIS", "cp932", "ポデ"),  # second bytes 7C and 66: |
        ("BIG-5", "big5", "功許蓋"),  # 5C
        ("GB 18030-2000", "gb18030", "倈倊倎"),  # 7C, 5E and the like
        ("~ISO IR87", "iso2022_jp", "本日"),  # both bytes below 80
    ],
)
def test_a_second_byte_that_looks_like_a_delimiter_is_none(declared: str, codec: str, name: str) -> None:
    """Split before decoding, these names would fall into two fields."""
    raw = with_header(with_charset(declared), f"PID|1||7||{name}^X||19800101", encoding=codec)

    message = parse(raw)

    assert message.get("PID-5") == name
    assert message.get("PID-7") == "19800101"


def test_the_interface_beats_the_message() -> None:
    """Senders declare what their template says; the analyst knows what they send."""
    raw = with_header(with_charset("ASCII"), "PID|1||7||Müller", encoding="latin-1")

    assert parse(raw, "8859/1").get("PID-5") == "Müller"


def test_a_message_that_declares_nothing_is_utf_8() -> None:
    """The one guess the hub makes, because other text hardly ever passes for it."""
    assert parse(with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "PID|1||7||Müller")).get("PID-5") == "Müller"


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ("PID|1||7||Müller", "PID-5"),
        ("OBX|1|TX|1||Müller", "OBX-5"),
        ("OBX|1|TX|1||a\rOBX|2|TX|1||Müller", "OBX(2)-5"),
        ("PID|Ü|", "PID-1"),
    ],
)
def test_undecodable_names_and_results_stop_the_message(segment: str, place: str) -> None:
    """A guessed letter is another patient, or another result."""
    raw = with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "EVN|A01", segment, encoding="latin-1")

    with pytest.raises(ContentUndecodable) as caught:
        parse(raw)

    assert caught.value.place == place
    assert caught.value.offset == raw.index(b"\xfc" if b"\xfc" in raw else b"\xdc")


def test_undecodable_bytes_elsewhere_are_noted_and_kept() -> None:
    """A street of a clinic must not hold up an admission; its bytes leave as they came."""
    raw = with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "PID|1||7||EXAMPLE", "NK1|1|Müller", "PV1|1|I", encoding="latin-1")

    message = parse(raw)
    message.set("NK1-3", "SPO")

    assert [(finding.code, finding.place) for finding in message.findings] == [("charset_undecodable", "NK1-2")]
    assert message.get("NK1-2") == "Müller"
    assert message.to_bytes() == raw.replace(b"M\xfcller", b"M\xfcller|SPO")


def test_undecodable_bytes_are_at_a_place_and_never_in_it() -> None:
    """A place is shown to everybody; a name without fields, and the text behind it, must not become one."""
    lines = ("ZAB\rZAC\rfor Smithson, Bj\xf6rn", "NK1|1", "NK1|2|Müller")
    raw = with_header("A|B|C|D|1||ADT^A01|1|P|2.5", *lines, encoding="latin-1")

    found = [(one.code, one.place) for one in parse(raw).findings if one.code == "charset_undecodable"]

    assert found == [("charset_undecodable", "ZAB"), ("charset_undecodable", "NK1(2)-2")]


def test_a_separator_inside_a_character_is_none() -> None:
    """In Shift JIS the second byte of a character may be ``|``: counted, the place would be another field."""
    raw = with_header(with_charset("SHIFT_JIS"), "NK1|1|倒|?", encoding="cp932").replace(b"|?", b"|\x81!")

    assert raw.count(b"|", raw.index(b"NK1")) == 4
    assert [(one.code, one.place) for one in parse(raw).findings] == [("charset_undecodable", "NK1-3")]


@pytest.mark.parametrize("declared", ["CNS 11643-1992", "EBCDIC", "UNICODE UTF-16", "idna", "unicode_escape"])
def test_an_unknown_charset_is_refused_by_name(declared: str) -> None:
    """Read as something else, every name would be wrong; and Python's odder codecs are nobody's charset."""
    with pytest.raises(CharsetUnsupported):
        parse(with_header(with_charset(declared), "PID|1||7||Anna"))
