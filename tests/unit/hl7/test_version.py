"""One version as another. Expected lines are read off the tables of HL7 2.1, 2.3, 2.5.1, 2.7 (chapters 2A, 3, 4, 7)."""

from __future__ import annotations

from shared.hl7 import parse
from shared.hl7.version import in_version

HEAD = "MSH|^~\\&|A|B|C|D|20240101120000-0500||{}|1|P|{}"


def changed(version, kind, source, *lines):
    """The lines below MSH in another version, and the findings as (code, place)."""
    raw = "".join(f"{line}\r" for line in (HEAD.format(kind, source), *lines)).encode()
    message, findings = in_version(parse(raw), version)
    header, *rest = message.text.split("\r")[:-1]
    return header, rest, [(one.code, one.place) for one in findings]


def test_the_header_says_version_and_structure_as_that_version_has_them():
    """MSH-9.3 came with 2.3.1: an older receiver stops at it, a newer one asks for it."""
    assert changed("2.3", "ADT^A04^ADT_A01", "2.5", "EVN||2024")[0] == HEAD.format("ADT^A04", "2.3")
    assert changed("2.5.1", "ADT^A04", "2.3", "EVN||2024")[0] == HEAD.format("ADT^A04^ADT_A01", "2.5.1")
    assert changed("2.5", "ACK", "2.3", "MSA|AA|1")[0] == HEAD.format("ACK", "2.5")


def test_an_internal_version_keeps_what_stands_beside_the_number():
    """VID.2 and VID.3 name a country's own version."""
    header, _, _ = changed("2.4", "ADT^A01", "2.5^DEU", "EVN||2024")
    assert header.endswith("|2.4^DEU")


def test_a_segment_that_the_version_does_not_have_is_left_out_and_a_local_one_stays():
    """SFT and SPM came with 2.5; Z segments are between the two parties."""
    _, rest, findings = changed("2.3", "ORU^R01", "2.5", "SFT|a|1|b|c", "ZXX|1", "SPM|1")
    assert rest == ["ZXX|1"]
    assert findings[:2] == [("segment_not_in_version", "SFT"), ("segment_not_in_version", "SPM")]


def test_a_field_that_the_version_does_not_have_is_left_out():
    """OBX-18 and OBX-19 came with 2.4 and 2.5."""
    _, rest, findings = changed("2.3", "ORU^R01", "2.5", "OBX|1|NM|1^a^LN||5||||||F|||||||EQ1|20240101")
    assert rest == ["OBX|1|NM|1^a^LN||5||||||F"]
    assert ("field_not_in_version", "OBX-18") in findings
    assert ("field_not_in_version", "OBX-19") in findings


def test_a_cwe_becomes_a_ce_and_keeps_its_text_where_there_is_room():
    """CE has six components; the original text of a code without a name is its name."""
    line = "OBX|1|CWE|1^^LN^^^^2.7^^as written||A^b^L^^^^2.1^^more||||||F"
    _, rest, findings = changed("2.3", "ORU^R01", "2.5.1", line)
    assert rest == ["OBX|1|CE|1^as written^LN||A^b^L||||||F"]
    assert [place for code, place in findings if code == "component_not_in_version"] == [
        "OBX-3.7",
        "OBX-5.7",
        "OBX-5.9",
    ]


def test_ce_and_ts_get_their_later_names():
    """2.6 withdrew TS, 2.7 withdrew CE: OBX-2 names the type of OBX-5."""
    _, rest, _ = changed("2.7", "ORU^R01", "2.3", "OBX|1|CE|1^a^LN|1|x^y^L||||||F", "OBX|2|TS|1^a^LN|1|2024||||||F")
    assert rest == ["OBX|1|CWE|1^a^LN|1|x^y^L||||||F", "OBX|2|DTM|1^a^LN|1|2024||||||F"]


def test_a_time_loses_its_degree_of_precision():
    """TS.2 is gone in DTM: the length of the value says it."""
    _, rest, findings = changed("2.6", "ADT^A01", "2.3", "EVN|A01|20240101^D")
    assert rest == ["EVN|A01|20240101"]
    assert ("component_not_in_version", "EVN-2.2") in findings


def test_repetitions_that_the_version_does_not_allow_are_cut_and_counted():
    """PID-3 repeats from 2.3 on; the first number is the one a receiver of 2.1 files under."""
    _, rest, findings = changed("2.1", "ADT^A01", "2.5", "PID|1||77^^^H^MR~88^^^H^PI||S^A")
    assert rest == ["PID|1||77||S^A"]
    assert ("repetition_not_in_version", "PID-3") in findings


def test_withdrawn_numbers_move_to_pid_3():
    """HL7 2.7 chapter 3: PID-2, PID-4 and PID-19 are withdrawn in favour of PID-3."""
    pid = "PID|1|99^^^OLD|77^^^H^MR|77^^^H||S^A|||||||||||||123456789"
    _, rest, findings = changed("2.7", "ADT^A01", "2.3", pid)
    assert rest == ["PID|1||77^^^H^MR~99^^^OLD~123456789^^^USSSA^SS|||S^A"]
    assert [code for code, _ in findings if code == "field_moved"] == ["field_moved"] * 3


def test_an_alias_moves_to_the_names_though_the_family_name_is_there():
    """HL7 2.7 chapter 3: PID-9 is withdrawn in favour of PID-5; another given name is another name."""
    _, rest, _ = changed("2.7", "ADT^A01", "2.3", "PID|1||7^^^H||Smith^Ann||||Smith^Nan")
    assert rest == ["PID|1||7^^^H||Smith^Ann~Smith^Nan"]


def test_a_number_of_another_assigner_is_another_number():
    """The same digits at two hospitals are two people's charts."""
    _, rest, _ = changed("2.7", "ADT^A01", "2.3", "PID|1|77^^^OTHER|77^^^H^MR||S^A")
    assert rest == ["PID|1||77^^^H^MR~77^^^OTHER||S^A"]


def test_a_participation_becomes_a_role():
    """PRT came with 2.7; ROL says who took part in which role before it."""
    _, rest, findings = changed("2.5.1", "ADT^A01", "2.8", "PRT||UC||AT^Attending^HL70443|55^Doc^D||||||2024|2025")
    assert rest == ["ROL||UC|AT^Attending^HL70443|55^Doc^D|2024|2025"]
    assert ("segment_renamed", "PRT") in findings


def test_the_pieces_of_a_telephone_number_become_one_number_of_2_1():
    """TN is one text; a number that was only in pieces would be gone."""
    _, rest, _ = changed("2.1", "ADT^A01", "2.5", "PID|1||7||S^A||||||||^PRN^PH^^1^212^5551234^9")
    assert rest == ["PID|1||7||S^A||||||||1 (212)5551234X9"]


def test_a_street_in_parts_becomes_a_street():
    """XAD.1 is an SAD from 2.5 on: a receiver of 2.3 would print the ampersand."""
    _, rest, findings = changed("2.3", "ADT^A01", "2.5", "PID|1||7||S^A||||||1 Main St&Main St&1^^Town")
    assert rest == ["PID|1||7||S^A||||||1 Main St^^Town"]
    assert ("component_not_in_version", "PID-11.1.2") in findings


def test_separators_in_a_text_stay():
    """A comment is a text on both sides: what looks like a component is what somebody typed."""
    assert changed("2.3", "ORU^R01", "2.5", "NTE|1||a ^ b & c")[1] == ["NTE|1||a ^ b & c"]


def test_the_truncation_character_goes_where_it_is_not_known():
    r"""A fifth character in MSH-2 stops parsers of 2.6 and before; ``\P\`` stands for it."""
    raw = b"MSH|^~\\&#|A|B|C|D|2024||ADT^A01|1|P|2.8\rNTE|1||a\\P\\b\r"
    message, _ = in_version(parse(raw), "2.5")
    assert message.text.startswith("MSH|^~\\&|A|")
    assert message.get("NTE-3") == "a#b"


def test_what_was_missing_before_is_not_told_again():
    """Only what the new version asks for more is news."""
    line = "OBX|1|CE|1^a^LN||x||||||F"
    assert ("field_missing", "OBX-4") not in changed("2.5", "ORU^R01", "2.3", line)[2]
    assert ("field_missing", "PID-3") not in changed("2.5", "ADT^A01", "2.4", "PID|1||||S")[2]
