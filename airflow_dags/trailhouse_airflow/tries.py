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
    _keep(context, outcome.begun(_earlier(context)))


def note(context: Context, told: outcome.Outcome | None, exit_code: int) -> dict[str, Any]:
    """Remember how a try ended, whatever becomes of its task."""
    now = outcome.ended(_earlier(context), told, exit_code)
    _keep(context, now)
    return now


def end(context: Context, told: outcome.Outcome | None, exit_code: int) -> dict[str, Any]:
    """What the task returns; raises where the job is to be tried again, or where that is of no use."""
    now = note(context, told, exit_code)
    meaning = outcome.meaning(exit_code, told)
    if meaning == "done":
        return now
    why = now["error"] or "it did not say how it ended, as when it was stopped, or killed: its log is above"
    said = f"exit code {exit_code}: {why}"
    if meaning == "fails":
        raise AirflowFailException(f"{said}. Running it again would not help: mend the settings or the parameters")
    raise AirflowException(f"{said}. It is safe to run it again")


def _keep(context: Context, now: dict[str, Any]) -> None:
    """For the tries after this one, and at once for the tasks behind it: this one may not live to hand it on."""
    context["task_state_store"].set(EARLIER, {name: now[name] for name in outcome.REMEMBERED})
    context["ti"].xcom_push(key="return_value", value=now)


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
