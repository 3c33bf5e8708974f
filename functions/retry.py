"""Timer: what nobody woke (rules R6, R7), and what ingest began and did not end (rule R1)."""

import azure.functions as func

from shared.app import hub

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
async def retry(timer: func.TimerRequest) -> None:
    await hub().deliver.wake_overdue()
    await hub().barriers.run()
    await hub().reservations.run()
