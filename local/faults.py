"""What the host says of a function that raised: a code and a place in the code, never content."""

from __future__ import annotations

from shared.message.errors.base import IntegrationError
from shared.observe.log import log_failure


def report_fault(function: str, error: BaseException) -> str:
    """Log the fault and return its code."""
    log_failure("function_failed", error, stage=function)
    return error.code if isinstance(error, IntegrationError) else IntegrationError.code
