"""What a failing disk means for the caller."""

from __future__ import annotations

import errno
import sqlite3

from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import StorageFailed, StorageFull


def storage_error(error: sqlite3.Error | OSError) -> IntegrationError:
    """Return the named error of a failed write: full, or failed."""
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, "unknown")
        return StorageFull(name) if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageFailed(name)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StorageFull(name) if name.startswith("SQLITE_FULL") else StorageFailed(name)
