"""The one tree of errors.

A class fixes four facts: its code, what becomes of the message, what the sender hears, and what a person does next.
An instance adds places and counts, never content: the text of every error may be logged.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar


class Disposition(StrEnum):
    """What becomes of a message or delivery that met the error."""

    REFUSE = "refuse"  # not taken: the sender still has it
    QUARANTINE = "quarantine"  # kept until a person acts
    RETRY = "retry"  # transient: parked, tried again by itself
    REVIEW = "review"  # ambiguous: it may have been taken


class Acknowledgement(StrEnum):
    """MSA-1 of the answer to the sender (HL7 table 0008)."""

    APPLICATION_ACCEPT = "AA"
    APPLICATION_ERROR = "AE"
    APPLICATION_REJECT = "AR"
    NONE = ""  # nothing can be answered: the connection closes


class IntegrationError(Exception):
    """Base of every error the hub names.

    Args:
        where: The place: segment, field, byte offset, queue, destination. Never message content.
    """

    code: ClassVar[str] = "HUB-000"
    what: ClassVar[str] = "unnamed error"
    disposition: ClassVar[Disposition] = Disposition.QUARANTINE
    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement.APPLICATION_ACCEPT
    next_step: ClassVar[str] = "read the runbook of the code"

    def __init__(self, where: str = "") -> None:
        self.where = where
        super().__init__(where)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields as they are: what `__init__` takes is not what `args` holds."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.code}: {self.what}{place}; {self.next_step}"


class ArchiveDamaged(IntegrationError):
    """The archive does not give back what it took."""

    code = "ARCHIVE-001"
    what = "an archived payload is missing or its digest differs"
    disposition = Disposition.QUARANTINE
    next_step = "restore the archive from its replica; do not purge"


class AzureRefused(IntegrationError):
    """A service of Azure, or the FHIR server, does not let the hub's identity do what it must."""

    code = "AZURE-002"
    what = "the hub's identity may not use a service"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    next_step = "give the identity its role; nothing was lost, senders are waiting"


class AzureUnavailable(IntegrationError):
    """A service of Azure, or the FHIR server, did not do what was asked, tried again already."""

    code = "AZURE-001"
    what = "a service did not take or give what was asked"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE  # the sender keeps what it has; AE would make many of them skip it
    next_step = "nothing: it is tried again; look at the service's own health if it lasts"


class EnvelopeUnreadable(IntegrationError):
    """A queue message is not an envelope this version can read."""

    code = "QUEUE-001"
    what = "a queue message is not an envelope"
    disposition = Disposition.QUARANTINE
    next_step = "look for a sender that is not the hub, or an older version still running"


class HomeInUse(IntegrationError):
    """Another process works in the same folder."""

    code = "STORAGE-003"
    what = "another process of the hub uses this folder"
    disposition = Disposition.REFUSE
    next_step = "stop the other one, or give this one its own folder with CADUCEUS_HOME"


class HomeOutdated(IntegrationError):
    """The local files were made by another version of the hub."""

    code = "STORAGE-004"
    what = "the local files were made by another version"
    disposition = Disposition.REFUSE
    next_step = "start that version, or move the folder away and begin anew"


class OwnershipLost(IntegrationError):
    """Another worker has taken this session since; what this one still wants to write is void (rule R3)."""

    code = "DELIVER-010"
    what = "another worker owns the session"
    disposition = Disposition.RETRY
    next_step = "nothing: the owner delivers what is left"


class SecretMissing(IntegrationError):
    """A secret is named and nowhere kept."""

    code = "SECRET-001"
    what = "a secret is not there"
    disposition = Disposition.RETRY
    next_step = "put it where the hub looks for secrets, under this name"


class SessionLockLost(IntegrationError):
    """The session's lock ran out or was released; its messages are received again."""

    code = "QUEUE-002"
    what = "the lock of a queue session is no longer held"
    disposition = Disposition.RETRY
    next_step = "nothing: the messages are delivered again; look for a worker that takes longer than its lock"


class StorageFailed(IntegrationError):
    """The disk, or a file on it, did not take what was to be written."""

    code = "STORAGE-002"
    what = "a write to the local storage failed"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    next_step = "check the disk and who else has the files open"


class StorageFull(IntegrationError):
    """No room is left on the disk."""

    code = "STORAGE-001"
    what = "the disk is full"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE  # the sender keeps what it has; AE would make many of them skip it
    next_step = "make room; nothing was lost, senders are waiting"


class WorkerLost(IntegrationError):
    """A process that worked for the hub ended, or was ended, before it answered."""

    code = "WORKER-001"
    what = "a worker process ended before it answered"
    disposition = Disposition.RETRY
    next_step = "nothing: its messages are processed again, one by one; look at the memory if it lasts"


class VersionConflict(IntegrationError):
    """Somebody wrote the resource in between."""

    code = "STORE-001"
    what = "the resource changed since it was read"
    disposition = Disposition.RETRY
    next_step = "nothing: the merge is computed again from the newer version"


class EventNotTaken(IntegrationError):
    """A subscriber of events did not take one; those before it in the call may have been taken."""

    code = "PUBLISH-001"
    what = "a subscriber did not take an event"
    disposition = Disposition.RETRY
    next_step = "nothing: the delivery is tried again; look at the subscriber if it lasts"


class FunctionAppUnusable(IntegrationError):
    """The laptop cannot host the function app as it is."""

    code = "LOCAL-001"
    what = "the laptop cannot host the function app"
    disposition = Disposition.REFUSE
    next_step = "change the function, or teach `local/` what it needs"


class PortInUse(IntegrationError):
    """Something listens already where the laptop wants to."""

    code = "LOCAL-002"
    what = "a port is in use"
    disposition = Disposition.REFUSE
    next_step = "stop what listens there, or choose another port"


class HomeNotOurs(IntegrationError):
    """A folder that was to be emptied is not a home of the laptop."""

    code = "LOCAL-003"
    what = "the folder is not a home of the laptop, and nothing was removed"
    disposition = Disposition.REFUSE
    next_step = "name another folder with CADUCEUS_HOME, or remove it yourself"


class UnknownSender(IntegrationError):
    """No interface is for this sender and message type."""

    code = "INGEST-001"
    what = "no interface takes messages of this sender and type"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    next_step = "add a match to an interface, or ask the sender to correct its header"


class InterfaceRetired(IntegrationError):
    """The interface no longer takes messages."""

    code = "INGEST-002"
    what = "the interface is retired"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    next_step = "stop the sender, or set the interface's lifecycle to active"


class NotForThisStage(IntegrationError):
    """A test message came to production, or the other way round (promise 8)."""

    code = "INGEST-003"
    what = "the interface does not take messages of this processing id"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    next_step = "correct MSH-11 at the sender, or list it under `accepts` in interface.toml"


class BundleInvalid(IntegrationError):
    """The mapping made a bundle that is not valid FHIR R4: an error of ours, never the sender's."""

    code = "TRANSFORM-001"
    what = "the canonical bundle is not valid FHIR R4"
    next_step = "report it with the message id; resend after the mapping is corrected"


class PoisonMessage(IntegrationError):
    """Processing began three times and never ended (rule R5)."""

    code = "TRANSFORM-002"
    what = "processing did not end three times in a row"
    next_step = "read the log around the message id; resend after the cause is gone"


class RetryBudgetSpent(IntegrationError):
    """The destination could not be reached for as long as its interface allows."""

    code = "DELIVER-020"
    what = "the destination did not take the message within its retry budget"
    next_step = "repair the destination, then resend"


class AnswerMissing(IntegrationError):
    """The message was sent and no answer came: it may have been taken."""

    code = "DELIVER-031"
    what = "the destination took the bytes and did not answer in time"
    disposition = Disposition.REVIEW
    next_step = "look at the destination whether it arrived, then accept or resend"


class NotFound(IntegrationError):
    """What was asked for is not there."""

    code = "HUB-404"
    what = "there is no such thing"
    disposition = Disposition.REFUSE
    next_step = "check the id; `caduceus messages` lists the newest"


class NotStopped(IntegrationError):
    """Only what is stopped can be resent."""

    code = "HUB-409"
    what = "the message is neither in quarantine nor in review"
    disposition = Disposition.REFUSE
    next_step = "nothing: it is on its way or was delivered; `caduceus trace` shows where"


class RequestInvalid(IntegrationError):
    """A request of the hub's own API cannot be carried out as asked."""

    code = "HUB-400"
    what = "the request cannot be carried out"
    disposition = Disposition.REFUSE
    next_step = "correct it; docs/hub-api.md lists what can be asked"


class Hl7Error(IntegrationError):
    """Base of what is wrong with the HL7 v2 form of a message.

    Args:
        place: HL7 path or segment: ``PID-5``, ``OBX(3)``.
        offset: Bytes from the beginning of the message; None where the place has none.
    """

    next_step: ClassVar[str] = "ask the source to send well-formed HL7 v2"

    def __init__(self, place: str, offset: int | None = None) -> None:
        self.place = place
        self.offset = offset
        super().__init__(place if offset is None else f"{place}, byte {offset}")


class NotHl7(Hl7Error):
    """The bytes do not begin with an MSH segment; nobody can be answered."""

    code = "HL7-101"
    what = "no MSH segment where the message begins"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE


class HeaderTooShort(Hl7Error):
    """MSH ends before its encoding characters do."""

    code = "HL7-102"
    what = "MSH ends before its encoding characters"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE


class DelimitersInvalid(Hl7Error):
    """MSH-1 and MSH-2 declare characters that cannot part anything."""

    code = "HL7-103"
    what = "unusable delimiters"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE


class SeveralMessages(Hl7Error):
    """One message was expected, and a second MSH or a batch header was found."""

    code = "HL7-104"
    what = "several messages where one was expected"
    next_step = "split the batch, or ask the source to send one message in each frame"


class ContentUndecodable(Hl7Error):
    """Bytes of PID or OBX are no text in the charset of the message; guessing could change a name or a result."""

    code = "HL7-105"
    what = "bytes that are no text in the charset of the message"
    next_step = "set the interface's charset to what the source really sends, then resubmit"


class CharsetUnsupported(Hl7Error):
    """MSH-18, or the interface, names a charset the hub cannot read."""

    code = "HL7-106"
    what = "charset not supported"
    next_step = "set the interface's charset, or ask the source for UNICODE UTF-8"


class TextNotEncodable(Hl7Error):
    """The charset of the outgoing message cannot hold the text; it is never sent with a question mark instead."""

    code = "HL7-107"
    what = "text that the charset of the message cannot hold"
    next_step = "give the destination UNICODE UTF-8, or replace the characters in a step"


class PathInvalid(Hl7Error):
    """A path is not of the form SEG(number)-field[repetition].component.subcomponent, or cannot be written to."""

    code = "HL7-108"
    what = "unusable HL7 path"
    next_step = "correct the path in the interface's steps"


class SegmentAbsent(Hl7Error):
    """A value was to be written into a segment the message does not have."""

    code = "HL7-109"
    what = "no such segment to write to"
    next_step = "let the interface's steps look for the segment first"


class AcknowledgementUnreadable(Hl7Error):
    """The destination answered, but not with an acknowledgement: it may have taken the message."""

    code = "HL7-110"
    what = "the answer is no HL7 acknowledgement"
    disposition = Disposition.REVIEW
    next_step = "check at the destination whether it arrived, then accept or resend"


class FrameTooLarge(Hl7Error):
    """More bytes than the limit arrived without an end of frame; the connection closes."""

    code = "HL7-111"
    what = "MLLP frame larger than the limit"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    next_step = "raise the limit, or ask the source to send smaller messages"


class UnsupportedEvent(IntegrationError):
    """No state table says what this event does to what is stored, so it writes nothing."""

    code = "STORE-010"
    what = "no state table has a row for this event"
    next_step = "send it through an interface that maps the event, or discard it"


class SubjectConflict(IntegrationError):
    """A result, an order or a visit that is stored for one patient comes in for another."""

    code = "STORE-011"
    what = "the stored resource belongs to another patient"
    next_step = "ask the source which patient is right; merge the patients or discard the message"


class RecordUnreadable(IntegrationError):
    """A body that should be a canonical record is not one this version can read."""

    code = "STORE-012"
    what = "the body is not a canonical record"
    next_step = "send the message again from its raw bytes"


class IdentityConflict(IntegrationError):
    """The identifier is known, but family name and birth date both say that this is somebody else."""

    code = "MPI-001"
    what = "family name and birth date both contradict the person this identifier is bound to"
    next_step = "find out whose identifier it is, correct the source, then resend"


class MergeCycle(IntegrationError):
    """A merge would make two records each give way to the other."""

    code = "MPI-002"
    what = "the merge would close a circle of merged records"
    next_step = "decide which record survives and merge the others into it"


class MoveUnclear(IntegrationError):
    """A number is to move to another person (A43), and the message names nobody else by a number of their own."""

    code = "MPI-003"
    what = "a number moves, and PID has no other trusted number to say whose it becomes"
    next_step = "ask the source for a number of the right person in PID-2 or PID-3, then resend"


class FilesInvalid(IntegrationError):
    """Base of what is wrong with files that people write.

    Args:
        problems: Each one prints as ``file:line: text``.
    """

    disposition: ClassVar[Disposition] = Disposition.REFUSE

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        more = f", and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class RegistryInvalid(FilesInvalid):
    """The folder of interfaces cannot be used as it is."""

    code = "REGISTRY-001"
    what = "the interfaces cannot be used"
    next_step = "mend them, then `caduceus interfaces check`"


class ConnectorConfigInvalid(FilesInvalid):
    """The configuration of a connector cannot be used as it is."""

    code = "CONNECTOR-001"
    what = "the connector's configuration cannot be used"
    next_step = "mend it, then `python -m connector check`"


class SpoolInUse(IntegrationError):
    """Another connector works with this spool; two of them would deliver everything twice."""

    code = "CONNECTOR-002"
    what = "another process uses this spool"
    disposition = Disposition.REFUSE
    next_step = "stop the other one; a standby waits for the same spool, it never has its own"


class SpoolUnreadable(IntegrationError):
    """The spool was made by another version, or with another key."""

    code = "CONNECTOR-003"
    what = "the spool cannot be read"
    disposition = Disposition.REFUSE
    next_step = "give it the key and the version it was written with; do not delete it: it holds what was acknowledged"


class SpoolFull(IntegrationError):
    """The spool has reached the size it may have; senders wait, or hear what `on_full` says."""

    code = "CONNECTOR-004"
    what = "the connector's spool is full"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.APPLICATION_ERROR
    next_step = "let the line to the hub come back, or give the spool more room"


class HubUnreachable(IntegrationError):
    """The hub did not answer a connector in time; the sender keeps its message."""

    code = "CONNECTOR-005"
    what = "the hub did not take the message in time"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.APPLICATION_ERROR
    next_step = "nothing: the sender sends it again; check the line to the hub if it lasts"


class StreamOutOfStep(IntegrationError):
    """The hub misses a number of a connector's stream (rule R1); nothing more of it goes up."""

    code = "CONNECTOR-006"
    what = "the hub expects another number of the stream"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    next_step = (
        "look for a second process with a copy of this spool; then restart the connector, which begins a new epoch"
    )


class DeliveryConflict(IntegrationError):
    """A delivery came again under the same id with other bytes."""

    code = "CONNECTOR-007"
    what = "another delivery has this id"
    disposition = Disposition.REFUSE
    next_step = "report it: a delivery id stands for its bytes"


class RefusedAfterAcknowledgement(IntegrationError):
    """The hub refused what the connector's own spool had acknowledged; it is kept."""

    code = "CONNECTOR-008"
    what = "the hub refused a message that was acknowledged on premises"
    next_step = "correct the interface, then let the source send it again; the kept copy is the proof"


class CertificateExpiring(IntegrationError):
    """A certificate of the connector lapses within 30 days."""

    code = "CONNECTOR-009"
    what = "a certificate lapses soon"
    disposition = Disposition.RETRY
    next_step = "put the new certificate in its place; the connector reads it without a restart"


class ShapeFailed(IntegrationError):
    """A function of an interface's steps.py failed, or gave something that is not JSON."""

    code = "DELIVER-021"
    what = "the message could not be shaped for its destination"
    disposition = Disposition.QUARANTINE
    next_step = "mend the function in the interface's steps.py, then resend"


class MessageNotWritten(IntegrationError):
    """No HL7 message of this type is written from FHIR, or nothing in the bundle has a message of its own."""

    code = "RENDER-001"
    what = "no HL7 message can be written of this"
    next_step = "name a message type that is written; docs/rendering.md lists them"


class ResourceAbsent(IntegrationError):
    """The message needs a resource that the bundle does not hold."""

    code = "RENDER-002"
    what = "the bundle does not hold a resource the message needs"
    next_step = "add the resource, or choose a message type that does not need it"


class ResourceAmbiguous(IntegrationError):
    """The bundle holds several of what a message has one of."""

    code = "RENDER-003"
    what = "the bundle holds several of what a message has one of"
    next_step = "send one bundle for each of them"


class NotFhir(IntegrationError):
    """What was given is not FHIR R4: an element of the wrong form, or one that the standard does not have."""

    code = "RENDER-004"
    what = "what was given is not FHIR R4"
    disposition = Disposition.REFUSE
    next_step = "mend the element at that place, or convert from another FHIR version first"


class RelayError(IntegrationError):
    """Base of what can go wrong with a hybrid connection of Azure Relay."""

    disposition: ClassVar[Disposition] = Disposition.RETRY
    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement.NONE


class RelayUnreachable(RelayError):
    """The relay cannot be reached, or a connection to it broke off."""

    code = "RELAY-001"
    what = "the relay cannot be reached"
    next_step = "nothing: it is tried again; check the name and outbound port 443 if it lasts"


class RelayRefused(RelayError):
    """The relay does not take the token: none, expired, or without the right that is needed."""

    code = "RELAY-002"
    what = "the relay does not accept the token"
    next_step = "check the key or the identity's role (Azure Relay Listener, Azure Relay Sender) and the clock"


class HybridConnectionUnknown(RelayError):
    """There is no hybrid connection of this name."""

    code = "RELAY-003"
    what = "the relay has no such hybrid connection"
    next_step = "check namespace and path"


class NoRelayListener(RelayError):
    """Nobody listens at the other end of the hybrid connection."""

    code = "RELAY-004"
    what = "nobody listens on the hybrid connection"
    next_step = "nothing: it is tried again; look at the listener if it lasts"


class RelayRejected(RelayError):
    """The listener looked at the connection and did not want it.

    Attributes:
        status: HTTP status that the listener gave.
    """

    code = "RELAY-005"
    what = "the listener rejected the connection"
    next_step = "check what the listener expects"

    status = 0


class RendezvousMissed(RelayError):
    """The address of a rendezvous had lapsed (30 s), was used before, or could not be reached."""

    code = "RELAY-006"
    what = "a rendezvous was not made in time"
    next_step = "nothing: the sender tries again; look at the load of the listener if it lasts"


class RelayAnswerLate(RelayError):
    """No answer within 60 s; the relay has told the sender so."""

    code = "RELAY-007"
    what = "a request was not answered in time"
    disposition = Disposition.REVIEW  # the listener may have done what was asked
    next_step = "ask for the outcome before the request is sent again"


class RelayLimitExceeded(RelayError):
    """More than the relay carries: 64 kB in a control frame, 32 kB of headers."""

    code = "RELAY-008"
    what = "larger than the relay carries"
    disposition = Disposition.REFUSE
    next_step = "make it smaller; bodies over 64 kB take a rendezvous by themselves"


class RelayProtocolBroken(RelayError):
    """What came over the wire is not what the protocol says; the connection closes."""

    code = "RELAY-009"
    what = "the other end broke the relay's protocol"
    next_step = "nothing: the connection is made anew; report it if it lasts"


class TooManyRelayListeners(RelayError):
    """A hybrid connection takes 25 listeners."""

    code = "RELAY-010"
    what = "more listeners than a hybrid connection takes"
    disposition = Disposition.REFUSE
    next_step = "use at most 25 listeners, or a second hybrid connection"


class SettingInvalid(IntegrationError):
    """A setting is missing or cannot be used."""

    code = "SETTING-001"
    what = "a setting is missing or cannot be used"
    disposition = Disposition.REFUSE
    next_step = "set it and start again; docs/settings.md lists every setting"


class StackInvalid(IntegrationError):
    """The configuration of a stack cannot be used; the place names the file, the key and the fault."""

    code = "INFRA-001"
    what = "the configuration of the stack cannot be used"
    disposition = Disposition.REFUSE
    next_step = "mend the file; docs/deploy.md lists every key"


class PackageNotBuilt(IntegrationError):
    """The code could not be packaged for the Function App; nothing was sent."""

    code = "INFRA-002"
    what = "the code could not be packaged"
    disposition = Disposition.REFUSE
    next_step = "run the named command by hand to see all it says"


class DeploymentFailed(IntegrationError):
    """Azure did not take the code or a call beside it, or the hub did not answer afterwards."""

    code = "INFRA-003"
    what = "the deployment did not end with a hub that answers"
    disposition = Disposition.REFUSE
    next_step = "read the runbook; running it again is safe"


def reason_of(code: str) -> str:
    """Return what an error's code means and what to do next; empty for a code that is not of this tree."""
    found = _by_code().get(code)
    return f"{found.what}; {found.next_step}" if found else ""


@cache
def _by_code() -> dict[str, type[IntegrationError]]:
    return {error.code: error for error in every_error()}


def every_error(base: type[IntegrationError] = IntegrationError) -> Iterator[type[IntegrationError]]:
    """Yield every error that has a code of its own: the leaves of the tree."""
    for error in base.__subclasses__():
        if error.__subclasses__():
            yield from every_error(error)
        else:
            yield error
