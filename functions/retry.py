"""Timer: wake the sessions whose wake is overdue (rule R6), and what waits for a barrier (rule R7)."""

import azure.functions as func

from shared.app import hub

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
async def retry(timer: func.TimerRequest) -> None:
    await hub().deliver.wake_overdue()
    await hub().barriers.run()
