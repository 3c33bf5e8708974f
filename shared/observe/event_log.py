"""One line of JSON for each event that an operator may need.

What may be logged is a short list of fields, each an id, a code, a count or a time. There is no free text, so nothing
that a message says can slip in; an exception is logged by its type and code, never by its text.
"""

from __future__ import annotations

import logging

import orjson

from shared.message.errors.base import IntegrationError


class EventLog:
    """A logger of events with a list of the fields they may have.

    Args:
        name: Of the logger.
        fields: What an event may say besides its name.
    """

    def __init__(self, name: str, fields: frozenset[str]) -> None:
        self._logger = logging.getLogger(name)
        self._fields = fields

    def log(self, event: str, level: int = logging.INFO, **facts: str | int | float) -> None:
        """Write one event.

        Args:
            event: Lower snake case, stable: ``delivery_parked``.
            facts: Fields of the list only.

        Raises:
            ValueError: a field is not on the list.
        """
        if not self._fields.issuperset(facts):
            raise ValueError(f"not a field of the log: {sorted(set(facts) - self._fields)}")
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", orjson.dumps({"event": event, **facts}).decode())

    def log_failure(self, event: str, error: BaseException, **facts: str | int | float) -> None:
        """Write that something failed: the type and code of the error, and where it was raised; never its text."""
        code = error.code if isinstance(error, IntegrationError) else "HUB-000"
        self.log(event, logging.ERROR, error=_origin(error), code=code, **facts)


def _origin(error: BaseException) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return type(error).__name__
    place = last.tb_frame.f_code
    return f"{type(error).__name__} at {place.co_qualname}:{last.tb_lineno}"
