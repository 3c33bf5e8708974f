"""Errors of meaning: what a message says that cannot be brought to FHIR, or FHIR to HL7 v2."""

from __future__ import annotations

from shared.message.errors.base import Disposition, IntegrationError


class BundleInvalid(IntegrationError):
    """The mapping made a bundle that is not valid FHIR R4: an error of ours, never the sender's."""

    code = "TRANSFORM-001"
    what = "the canonical bundle is not valid FHIR R4"
    stops_message = True
    next_step = "report it with the message id; resend after the mapping is corrected"


class UnsupportedEvent(IntegrationError):
    """No state table says what this event does to what is stored, so it writes nothing."""

    code = "STORE-010"
    what = "no state table has a row for this event"
    stops_message = True
    next_step = "send it through an interface that maps the event, or discard it"


class SubjectConflict(IntegrationError):
    """A result, an order, a document, an appointment or a visit that is stored for one patient comes in for another."""

    code = "STORE-011"
    what = "the stored resource belongs to another patient"
    stops_message = False
    next_step = "ask the source which patient is right; merge the patients or discard the message"


class OrderUnclear(IntegrationError):
    """An order is ended, or held, by a message that does not say which service it is: ORC without OBR."""

    code = "STORE-013"
    what = "an order that is not known is ended without its service"
    stops_message = False
    next_step = "find the order by its number, have the source send its OBR, and discard this message"


class ResultUnclear(IntegrationError):
    """A result comes again, and the order has several of its name that neither OBX-4 nor OBX-14 tells apart."""

    code = "STORE-014"
    what = "several stored results may be the one that is meant"
    stops_message = False
    next_step = "ask the source which one it is, have it send all of them or their OBX-4, and discard this message"


class RecordUnreadable(IntegrationError):
    """A body that should be a canonical record is not one this version can read."""

    code = "STORE-012"
    what = "the body is not a canonical record"
    stops_message = True
    next_step = "send the message again from its raw bytes"


class IdentityConflict(IntegrationError):
    """The identifier is known, but family name and birth date both say that this is somebody else."""

    code = "MPI-001"
    what = "family name and birth date both contradict the person this identifier is bound to"
    stops_message = True
    next_step = "find out whose identifier it is, correct the source, then resend"


class MergeCycle(IntegrationError):
    """A merge would make two records each give way to the other."""

    code = "MPI-002"
    what = "the merge would close a circle of merged records"
    stops_message = True
    next_step = "decide which record survives and merge the others into it"


class MoveUnclear(IntegrationError):
    """A number is to move to another person (A43), and the message names nobody else by a number of their own."""

    code = "MPI-003"
    what = "a number moves, and PID has no other trusted number to say whose it becomes"
    stops_message = True
    next_step = "ask the source for a number of the right person in PID-2 or PID-3, then resend"


class ShapeFailed(IntegrationError):
    """A function of an interface's steps.py failed, or gave something that is not JSON."""

    code = "DELIVER-021"
    what = "the message could not be shaped for its destination"
    disposition = Disposition.QUARANTINE
    stops_message = False
    next_step = "mend the function in the interface's steps.py, then resend"


class RouteGone(IntegrationError):
    """The interface of a delivery, or its route to the destination, is no longer there."""

    code = "DELIVER-022"
    what = "its interface no longer has a route to this destination"
    disposition = Disposition.QUARANTINE
    stops_message = False
    next_step = "bring the route back and resend, or discard the delivery"


class MessageNotWritten(IntegrationError):
    """No HL7 message of this type is written from FHIR, or nothing in the bundle has a message of its own."""

    code = "RENDER-001"
    what = "no HL7 message can be written of this"
    stops_message = False
    next_step = "name a message type that is written; docs/rendering.md lists them"


class ResourceAbsent(IntegrationError):
    """The message needs a resource that the bundle does not hold."""

    code = "RENDER-002"
    what = "the bundle does not hold a resource the message needs"
    stops_message = False
    next_step = "add the resource, or choose a message type that does not need it"


class ResourceAmbiguous(IntegrationError):
    """The bundle holds several of what a message has one of."""

    code = "RENDER-003"
    what = "the bundle holds several of what a message has one of"
    stops_message = False
    next_step = "send one bundle for each of them"


class NotFhir(IntegrationError):
    """What was given is not FHIR R4: an element of the wrong form, or one that the standard does not have."""

    code = "RENDER-004"
    what = "what was given is not FHIR R4"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "mend the element at that place, or convert from another FHIR version first"
