"""Say whether Microsoft's worker indexes an app: ``python -m tests.functions.run_case FOLDER``."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from tests.functions.worker import NotIndexed, Worker


async def run(folder: Path) -> str:
    """Return the names of the functions, or why there are none."""
    worker = Worker(folder)
    try:
        await worker.start()
    except NotIndexed as refused:
        return f"refused: {str(refused).splitlines()[0]}"
    return f"indexed: {', '.join(worker.functions)}"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(asyncio.run(run(Path(sys.argv[1]))))
