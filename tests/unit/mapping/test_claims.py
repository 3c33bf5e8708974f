"""Who a message speaks of: identifiers by type and assigner, never by position."""

from __future__ import annotations

import pytest

from shared.mapping import ClaimDefaults, KnownBy, MemoryResolver, Minter, identity_claims
from tests.unit.mapping.samples import MSH_ADT, PID, PV1, admitted, codes, message, notes, only

MSH = MSH_ADT.format(event="A01")
HOSPITAL = ClaimDefaults(assigner="HOSPITAL")


def claim_of(pid: str, defaults: ClaimDefaults = HOSPITAL):
    """Return the claim of a PID."""
    return identity_claims(message(MSH, pid), defaults)[0]


def test_strongest_identifier_comes_first_wherever_it_stands():
    """A sender that turns its list around still speaks of the same person."""
    one = claim_of("PID|1||9^^^GOV^SS~1^^^G^MR")
    other = claim_of("PID|1||1^^^G^MR~9^^^GOV^SS")
    assert one.identifiers == other.identifiers == (KnownBy("MR", "G", "1"), KnownBy("SS", "GOV", "9"))


def test_missing_assigner_is_the_interfaces_and_never_empty():
    """Number 1 of one hospital is not number 1 of another."""
    assert claim_of("PID|1||1^^^^MR").identifiers == (KnownBy("MR", "HOSPITAL", "1"),)
    undeclared = claim_of("PID|1||1^^^^MR", ClaimDefaults())
    assert undeclared.identifiers[0].assigner == "sender GENHOSP EHR"
    assert "default_assigner" in undeclared.flags


@pytest.mark.parametrize("value", ["0", "000", "9999999", "UNKNOWN", "unk", "NONE", "N/A", "XXX", '""'])
def test_placeholder_identifies_nobody(value: str):
    """All patients numbered UNKNOWN would become one person."""
    claim = claim_of(f"PID|1||{value}^^^G^MR")
    assert claim.identifiers == ()
    assert "unidentified" in claim.flags


def test_newborn_under_the_mothers_number_is_not_the_mother():
    """PID-21 repeats the mother's number in PID-3: it identifies her."""
    claim = claim_of("PID|1||1^^^G^MR||||||||||||||||||1^^^G^MR")
    assert claim.identifiers == ()
    assert {"mothers_number", "unidentified"} <= claim.flags


def test_account_number_is_no_person():
    """Senders put visit and account numbers into PID-3."""
    assert claim_of("PID|1||55^^^G^AN~1^^^G^MR").identifiers == (KnownBy("MR", "G", "1"),)


@pytest.mark.parametrize("kind", ["SN", "MB", "GI", "GN", "EN", "WC", "WCN", "VS"])
def test_a_number_of_several_people_names_none_of_them(kind: str):
    """A wrong merge harms; a split can be merged. It stays a number of the patient, and identifies nobody."""
    claim = claim_of(f"PID|1||S99^^^INSURER^{kind}~1^^^G^MR")
    assert claim.identifiers == (KnownBy("MR", "G", "1"),)
    assert "unidentified" in claim_of(f"PID|1||S99^^^INSURER^{kind}").flags


def test_an_interface_may_trust_such_a_number():
    """Where a sender's member numbers are one person's each, it says so."""
    trusting = ClaimDefaults(assigner="HOSPITAL", types=("MR", "MB"))
    assert claim_of("PID|1||S99^^^INSURER^MB", trusting).identifiers == (KnownBy("MB", "INSURER", "S99"),)


def test_claim_carries_what_the_conflict_check_compares():
    """Family name and birth date."""
    claim = claim_of("PID|1||1^^^G^MR||Sample^Jane||198001012330")
    assert (claim.family, claim.birth_date) == ("SAMPLE", "19800101")


def test_claims_come_in_message_order_with_their_role():
    """The pipeline resolves subject and prior of a merge in one go."""
    claims = identity_claims(message(MSH, PID, "MRG|2^^^GENHOSP^MR", PV1), HOSPITAL)
    assert [(c.kind, c.role, c.place) for c in claims] == [
        ("Patient", "subject", "PID(1)"),
        ("Patient", "prior", "MRG(1)"),
        ("Encounter", "subject", "PV1(1)"),
    ]


def test_visit_without_number_is_the_patients_visit_of_that_admission():
    """A01 and A03 without PV1-19 still meet in one Encounter."""
    pv1 = "PV1|1|I" + "|" * 42 + "202403100745"
    claims = [identity_claims(message(MSH_ADT.format(event=e), PID, pv1), HOSPITAL)[1] for e in ("A01", "A03")]
    assert claims[0].identifiers == claims[1].identifiers != ()


def test_unidentified_person_is_marked_and_gets_an_id_of_the_message():
    """For review: two such messages are never one person by accident."""
    conversion = admitted("PID|1||UNKNOWN||Sample^Jane")
    assert notes(conversion, only(conversion, "Patient")).unidentified
    assert "identity_missing" in codes(conversion)


def test_resolver_finds_a_person_by_any_known_identifier():
    """A later message may know only the second number."""
    mint = Minter(b"k" * 32)
    resolver = MemoryResolver(mint)
    both = resolver.resolve("Patient", claim_of("PID|1||1^^^G^MR~9^^^GOV^SS"))
    assert resolver.resolve("Patient", claim_of("PID|1||9^^^GOV^SS")) == both


def test_ids_depend_on_the_hubs_key():
    """An id in a URL cannot be turned back into a record number without the key."""
    assert Minter(b"a" * 32)("Patient", "1") == Minter(b"a" * 32)("Patient", "1")
    assert Minter(b"a" * 32)("Patient", "1") != Minter(b"b" * 32)("Patient", "1")


def test_minting_is_hmac_sha256():
    """RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?"."""
    minted = Minter(b"Jefe")("what do ya want for nothing?")
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert minted[:13] == f"{digest[:8]}-{digest[8:12]}"
    assert minted[-12:] == digest[20:32]


@pytest.mark.parametrize("admitted_at", ["0", "00000000", "UNKNOWN", "2024", "99991231", "1"])
def test_what_is_no_admission_time_identifies_no_visit(admitted_at: str):
    """All visits of a patient would become one: without a number and a time a visit belongs to its message."""
    pv1 = "PV1|1|I" + "|" * 42 + admitted_at
    visit = identity_claims(message(MSH, PID, pv1), HOSPITAL)[-1]
    assert (visit.kind, visit.identifiers) == ("Encounter", ())
    assert "unidentified" in visit.flags
