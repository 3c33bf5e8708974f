"""Patients, counted and shown as hashes."""

from __future__ import annotations

import hashlib
import hmac

from shared.message.identifiers import OrderingKey
from shared.message.patient import key_digest, patient_hash, read_patient_hash
from shared.recover.keys import Patients

HUB_KEY = b"hub key"
KEY = OrderingKey("Patient/a")


def test_a_patient_hash_is_an_hmac_under_the_hubs_key():
    """RFC 2104 as the standard library has it: who knows an id and not the key cannot make it."""
    digest = hmac.new(HUB_KEY, b"patient hash\x1fPatient/a", hashlib.sha256).hexdigest()

    assert (patient_hash(KEY, HUB_KEY), key_digest(KEY, HUB_KEY)) == (digest[:16], digest[:32])
    assert patient_hash(KEY, b"another hub") != digest[:16]


def test_a_hash_is_read_as_it_was_copied():
    """From a terminal, a mail, a spreadsheet."""
    assert read_patient_hash(" 00AB00ab00AB00ab ") == "00ab00ab00ab00ab"
    assert [read_patient_hash(text) for text in ("", "00ab", "g" * 16, "\u0661" * 16, "0" * 17)] == [None] * 5


def test_every_patient_is_counted_once_and_the_first_hashes_are_shown():
    """A key that is an interface or a visit of nobody is a key, and no patient."""
    patients = Patients(HUB_KEY, shown=2)
    keys = [OrderingKey(name) for name in ("Patient/a", "lab", "Patient/b", "Patient/c", "Patient/a", "lab")]

    assert [patients.add(key) for key in keys] == [True, True, True, True, False, False]
    hashes = sorted(patient_hash(OrderingKey(f"Patient/{name}"), HUB_KEY) for name in "abc")
    assert (patients.keys, patients.told()) == (4, {"count": 3, "hashes": hashes[:2]})
