"""Errors of what keeps or carries messages: archive, queue, ledger, store, locks, disks, Azure."""

from __future__ import annotations

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError


class ArchiveDamaged(IntegrationError):
    """The archive does not give back what it took."""

    code = "ARCHIVE-001"
    what = "an archived payload is missing or its digest differs"
    disposition = Disposition.QUARANTINE
    stops_message = True
    next_step = "restore the archive from its replica; do not purge"


class ArchivePurged(IntegrationError):
    """The payload was kept as long as its interface says, and erased."""

    code = "ARCHIVE-002"
    what = "the payload was purged: its retention is over"
    disposition = Disposition.QUARANTINE
    stops_message = True
    next_step = "nothing can bring it back; the ledger still says what it was and where it went"


class AzureRefused(IntegrationError):
    """A service of Azure, or the FHIR server, does not let the hub's identity do what it must."""

    code = "AZURE-002"
    what = "the hub's identity may not use a service"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "give the identity its role; nothing was lost, senders are waiting"


class AzureUnavailable(IntegrationError):
    """A service of Azure, or the FHIR server, did not do what was asked, tried again already."""

    code = "AZURE-001"
    what = "a service did not take or give what was asked"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE  # the sender keeps what it has; AE would make many of them skip it
    stops_message = False
    next_step = "nothing: it is tried again; look at the service's own health if it lasts"


class EnvelopeUnreadable(IntegrationError):
    """A queue message is not an envelope this version can read."""

    code = "QUEUE-001"
    what = "a queue message is not an envelope"
    disposition = Disposition.QUARANTINE
    stops_message = True
    next_step = "look for a sender that is not the hub, or an older version still running"


class HomeInUse(IntegrationError):
    """Another process works in the same folder."""

    code = "STORAGE-003"
    what = "another process of the hub uses this folder"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "stop the other one, or give this one a folder of its own (--home, CADUCEUS_HOME)"


class HomeOutdated(IntegrationError):
    """The local files were made by another version of the hub."""

    code = "STORAGE-004"
    what = "the local files were made by another version"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "start that version, or move the folder away and begin anew"


class OwnershipLost(IntegrationError):
    """Another worker has taken this session since; what this one still wants to write is void (rule R3)."""

    code = "DELIVER-010"
    what = "another worker owns the session"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "nothing: the owner delivers what is left"


class SecretMissing(IntegrationError):
    """A secret is named and nowhere kept."""

    code = "SECRET-001"
    what = "a secret is not there"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "put it where the hub looks for secrets, under this name"


class SessionLockLost(IntegrationError):
    """The session's lock ran out or was released; its messages are received again."""

    code = "QUEUE-002"
    what = "the lock of a queue session is no longer held"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "nothing: the messages are delivered again; look for a worker that takes longer than its lock"


class StorageFailed(IntegrationError):
    """The disk, or a file on it, did not take what was to be written."""

    code = "STORAGE-002"
    what = "a write to the local storage failed"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "check the disk and who else has the files open"


class StorageFull(IntegrationError):
    """No room is left on the disk."""

    code = "STORAGE-001"
    what = "the disk is full"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE  # the sender keeps what it has; AE would make many of them skip it
    stops_message = False
    next_step = "make room; nothing was lost, senders are waiting"


class WorkerLost(IntegrationError):
    """A process that worked for the hub ended, or was ended, before it answered."""

    code = "WORKER-001"
    what = "a worker process ended before it answered"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "nothing: its messages are processed again, one by one; look at the memory if it lasts"


class VersionConflict(IntegrationError):
    """Somebody wrote the resource in between."""

    code = "STORE-001"
    what = "the resource changed since it was read"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "nothing: the merge is computed again from the newer version"


class HomeNotOurs(IntegrationError):
    """A folder that was to be emptied is not a home of the laptop."""

    code = "LOCAL-003"
    what = "the folder is not a home of the laptop, and nothing was removed"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "name another folder (--home, CADUCEUS_HOME), or remove it yourself"
