"""
Brings the lake up to date, every quarter of an hour.

`settle` ends what a killed run left, `plan` looks for what is new, `ingest` brings it in, and is skipped with nothing
new. Then `published` tells that readers see more (the asset `trailhouse_lake`), `gate` is red where a batch was
refused, and `pending` runs where something could not be read for now.

By hand it takes a part: days, accounts, sources.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Context, Param, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from trailhouse_airflow import commands, outcome, parameters, settings, tries
from trailhouse_airflow.jobs import LAKE, job

SETTINGS = settings.load()
DAY = {"type": ["null", "string"], "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"}
PARAMS = {
    "from": Param(None, **DAY, description="Delivered on this day, or in this month, or after."),
    "to": Param(None, **DAY, description="Delivered on this day, or in this month, or before."),
    "accounts": Param([], type="array", items={"type": "string", "pattern": "^[0-9]{12}$"}, description="Only these."),
    "sources": Param([], type="array", examples=list(SETTINGS.sources), description="Only these, by name."),
}


def part(context: Context) -> parameters.Range:
    return parameters.range_of(context["params"], SETTINGS.sources, datetime.now(UTC).date())


def settling(context: Context) -> commands.Command:
    part(context)  # what can't be meant fails before anything is done
    return commands.SETTLE


@task(outlets=[LAKE], trigger_rule="all_done")
def published(*, ti: Any, outlet_events: Any) -> None:
    found = told(ti)
    batches = outcome.published(found)
    if not batches and not any(each.get("unsure") for each in found):
        raise AirflowSkipException("nothing was published")
    outlet_events[LAKE].extra = {"batches": batches}


@task(trigger_rule="all_done")
def gate(*, ti: Any) -> None:
    refused = outcome.refusals(told(ti))
    if refused:
        ti.xcom_push(key="refusals", value=refused)
        raise AirflowFailException(outcome.said_of_refusals(refused, SETTINGS.config))


@task(trigger_rule="none_failed")
def pending(*, ti: Any) -> list[Any]:
    problems = [each for found in told(ti) for each in found.get("problems", [])]
    if not problems:
        raise AirflowSkipException("everything could be read")
    return problems  # the next run tries again


def told(ti: Any) -> list[dict[str, Any]]:
    return [found for name in ("settle", "ingest") if (found := ti.xcom_pull(task_ids=name))]


with DAG(
    "trailhouse_ingest",
    doc_md=__doc__,
    schedule=SETTINGS.ingest_schedule or None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # scheduled, by hand, or a month of trailhouse_backfill: one ingest of a lake at a time
    params=PARAMS,
    tags=["trailhouse"],
):
    ingest = job(
        SETTINGS,
        "ingest",
        lambda context: commands.ingest(part(context)),
        SETTINGS.ingest_timeout,
        pre_execute=tries.skip_unless_new,
    )
    ends = [published(), gate(), pending()]
    if SETTINGS.plan_first:
        settle = job(SETTINGS, "settle", settling, SETTINGS.ingest_timeout)
        plan = job(SETTINGS, "plan", lambda context: commands.plan(part(context)), SETTINGS.ingest_timeout)
        settle >> plan >> ingest
    ingest >> ends
