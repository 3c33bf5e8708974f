"""Timer: what nobody woke (rules R6, R7), and what ingest began and did not end (rule R1)."""

import azure.functions as func

from functions.each import run_each
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
async def retry(timer: func.TimerRequest) -> None:
    await run_each(hub().deliver.wake_overdue, hub().barriers.run, hub().reservations.run)
