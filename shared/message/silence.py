"""How a send ends when no answer comes that can be read."""

from __future__ import annotations

from enum import StrEnum


class Silence(StrEnum):
    """How a send ended without an answer that can be read."""

    REFUSED = "refused"
    NAME_UNKNOWN = "name_unknown"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    CONNECT_TIMED_OUT = "connect_timed_out"
    CLOSED_BEFORE_SENT = "closed_before_sent"
    TIMED_OUT_BEFORE_SENT = "timed_out_before_sent"
    CLOSED_AFTER_SENT = "closed_after_sent"
    TIMED_OUT = "timed_out"
    UNREADABLE = "answer_unreadable"
    MISMATCHED = "answer_mismatched"


# Never connected, or connected and the end of the message never left: nobody can have taken it. After any other the
# whole message left, and the answer may be all that was lost.
NEVER_LEFT = frozenset(
    {
        Silence.REFUSED, Silence.NAME_UNKNOWN, Silence.UNREACHABLE, Silence.TLS_FAILED, Silence.CONNECT_TIMED_OUT,
        Silence.CLOSED_BEFORE_SENT, Silence.TIMED_OUT_BEFORE_SENT,
    }
)  # fmt: skip
