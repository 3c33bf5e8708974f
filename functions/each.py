"""The works of one timer, none of which waits for another that fails."""

from collections.abc import Awaitable, Callable

from shared.observe.log import log_failure


async def run_each(*works: Callable[[], Awaitable[object]]) -> None:
    """Do these one after the other, whether or not those before failed.

    Raises:
        Exception: the first failure, so that the run counts as failed; each is in the log.
    """
    failures: list[Exception] = []
    for work in works:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # what it looks after is looked at again; the others must not wait
            log_failure("timer_work_failed", error)
            failures.append(error)
    if failures:
        raise failures[0]
