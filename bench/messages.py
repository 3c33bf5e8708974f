"""Synthetic messages of a known size, for measuring."""

from __future__ import annotations


def admission(number: int, patients: int = 1000) -> bytes:
    """Return an ADT^A01 of about 1 kB; ``number`` makes it unique, its patient comes again."""
    patient = number % patients
    doctor = "1122^WEISS^ROBERT^J^^DR^MD^^NPI"
    phones = (
        "^PRN^PH^^43^732^5551234~^NET^Internet^m.muster@example.org",
        "^WPN^PH^^43^732^5559876",
    )
    segments = (
        "MSH|^~\\&|BENCH|GENERAL|HUB|HUB|20260301084512.123+0000||ADT^A01^ADT_A01|"
        f"B{number:08d}|T|2.5.1|||||AUT|UNICODE UTF-8",
        "EVN|A01|20260301084510|||1234^NURSE^ANNA^^^^^^BENCH|20260301084500",
        f"PID|1||{1000000 + patient}^^^BENCH^MR~999{patient:06d}^^^SSA^SS||MUSTER{patient}^MARIA^ELISABETH^^MS^^L||"
        "19790814|F||2106-3^White^HL70005|1 MAIN ST^APT 4B^LINZ^OO^4020^AUT^H||"
        f"{phones[0]}|{phones[1]}|de^German^ISO639|M^Married^HL70002|CAT^Catholic^HL70006|7788{patient:05d}^^^BENCH^AN",
        f"NK1|1|MUSTER^JOHANN^A|SPO^Spouse^HL70063|1 MAIN ST^^LINZ^OO^4020^AUT|{phones[0].partition('~')[0]}",
        f"PV1|1|I|4WEST^401^A^BENCH^^N|E|||{doctor}|3344^SCHWARZ^LISA^^^DR^MD^^NPI||MED||||7|A0||{doctor}|IN|"
        f"V{number:08d}^^^BENCH^VN|||||||||||||||||||||||||20260301083000",
        "PV2|||^CHEST PAIN, UNSPECIFIED",
        "AL1|1|DA^Drug allergy^HL70127|7980^PENICILLIN^RXNORM|SV^Severe^HL70128|HIVES",
        "DG1|1||R07.9^Chest pain, unspecified^I10||20260301|A",
    )
    return ("\r".join(segments) + "\r").encode()


def document(size: int) -> bytes:
    """Return an ORU^R01 whose one result is a document of ``size`` bytes, base64 in OBX-5."""
    segments = (
        "MSH|^~\\&|BENCH|GENERAL|HUB|HUB|20260301084512.123+0000||ORU^R01^ORU_R01|D00000001|T|2.5.1",
        "PID|1||1000000^^^BENCH^MR||MUSTER0^MARIA||19790814|F",
        "OBR|1|P1^BENCH|F1^LAB|18748-4^Diagnostic imaging study^LN|||20260301083000|||||||||||||||||||F",
        f"OBX|1|ED|18748-4^Diagnostic imaging study^LN||^application^pdf^Base64^{'JVBERi0x' * (size // 8)}||||||F",
    )
    return ("\r".join(segments) + "\r").encode()
