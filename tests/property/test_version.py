"""A message of one version as a message of another, whatever the message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hl7 import parse
from shared.hl7.structure import nearest_version, read_components, read_fields
from shared.hl7.version import in_version

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.2")
NOT_THERE = {"segment_not_in_version", "field_not_in_version", "component_not_in_version", "repetition_not_in_version"}
values = st.text("abcXYZ 019.~^&-ä", max_size=12)
segments = st.tuples(
    st.sampled_from(("PID", "PV1", "NK1", "OBR", "OBX", "ORC", "SPM", "PRT", "ROL", "SFT", "TQ1", "AL1", "ZXX")),
    st.lists(values, max_size=34),
).map(lambda found: "|".join([found[0], *found[1]]))
messages = st.tuples(st.lists(segments, max_size=6), st.sampled_from(VERSIONS)).map(
    lambda found: "".join(
        f"{line}\r" for line in (f"MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|{found[1]}", *found[0])
    ).encode()
)


@settings(max_examples=150, deadline=None)
@given(messages, st.sampled_from(VERSIONS))
def test_what_has_a_versions_form_keeps_it(raw, version):
    """Once is enough: a second hub on the way finds nothing more to leave out."""
    once, _ = in_version(parse(raw), version)
    twice, findings = in_version(once, version)
    assert twice.to_bytes() == once.to_bytes()
    assert [finding for finding in findings if finding.code in NOT_THERE] == []


@settings(max_examples=150, deadline=None)
@given(messages, st.sampled_from(VERSIONS))
def test_nothing_is_left_that_the_version_does_not_have(raw, version):
    """A receiver stops at a segment, field, component or repetition it does not know."""
    message, _ = in_version(parse(raw), version)
    tables = nearest_version(version)
    for segment in message.segments[1:]:
        rules = read_fields(tables, segment.name)
        assert rules or segment.name.startswith("Z")
        for number in range(1, len(segment.fields)) if rules else ():
            if segment.fields[number]:
                assert rules[number].most != 0
                assert not rules[number].most or len(segment.repeats(number)) <= rules[number].most
                known = read_components(tables, rules[number].data_type)
                if known:
                    most = max(len(segment.components(each)) for each in segment.repeats(number))
                    assert most <= len(known)


@settings(max_examples=150, deadline=None)
@given(messages)
def test_every_segment_that_is_left_out_is_told(raw):
    """A result that does not travel is a finding, never silence."""
    before = parse(raw)
    after, findings = in_version(before, "2.3")
    told = sum(finding.code == "segment_not_in_version" for finding in findings)
    assert len(before.segments) - told == len(after.segments)
