"""
The end of a try: remembered for the tries after it, handed on, and turned into the state of its task.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from trailhouse_airflow import outcome
from trailhouse_airflow.parameters import ParameterError

EARLIER = "earlier"  # what earlier tries did, in the task's own store, which outlives a try


def begin(context: Context) -> None:
    """A try that is killed leaves no outcome; that there was one is known by this."""
    earlier = _earlier(context)
    context["task_state_store"].set(EARLIER, {**earlier, "begun": earlier.get("begun", 0) + 1})


def end(context: Context, told: outcome.Outcome | None, exit_code: int) -> dict[str, Any]:
    """What the task returns; raises where the job is to be tried again, or where that is of no use."""
    earlier = _earlier(context)
    now = outcome.joined(earlier, outcome.summary(told, exit_code))
    ended = earlier.get("ended", 0) + 1
    now["unsure"] = earlier.get("begun", 0) > ended  # of a killed try nobody knows what it published
    kept = {name: now[name] for name in ("batches", "settled", "held", "refusals")}
    context["task_state_store"].set(EARLIER, {**kept, "begun": earlier.get("begun", 0), "ended": ended})
    meaning = outcome.meaning(exit_code)
    if meaning == "done":
        return now
    context["ti"].xcom_push(key="return_value", value=now)  # the gate tells what was refused before it failed
    said = f"exit code {exit_code}: {now['error'] or 'the job was stopped, or killed; its log is above'}"
    if meaning == "fails":
        raise AirflowFailException(f"{said}. Running it again would not help: mend the settings or the parameters")
    raise AirflowException(f"{said}. It is safe to run it again")


def _earlier(context: Context) -> dict[str, Any]:
    found = context["task_state_store"].get(EARLIER)
    return found if isinstance(found, dict) else {}


def given(parse: Any, context: Context) -> Any:
    """Parameters, parsed; what can't be meant fails at once."""
    try:
        return parse(context)
    except ParameterError as error:
        raise AirflowFailException(str(error)) from error


def skip_unless_new(context: Context) -> None:
    """Before an ingest: not where the plan found nothing to do."""
    planned = context["ti"].xcom_pull(task_ids="plan")
    if isinstance(planned, dict) and not outcome.is_new(planned):
        raise AirflowSkipException("nothing is new")


def day_of(context: Context) -> date:
    """The day that a run is for: the same at every try."""
    return context["dag_run"].run_after.date()  # type: ignore[no-any-return]
