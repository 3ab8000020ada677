"""
Loads years, month by month, by hand.

Each month is a run of `trailhouse_ingest`, which has one run at a time: months and the quarters of an hour take turns,
and a month's gate is where every gate is.

A month that failed is tried again alone: clear its task. Months that are done cost a listing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException
from trailhouse_airflow import parameters, settings

SETTINGS = settings.load()
MONTH = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"}
PARAMS = {
    "from": Param(**MONTH, description="The first month, such as 2024-01; or a day."),
    "to": Param(**MONTH, description="The last month, such as 2024-12; or a day."),
    "accounts": Param([], type="array", items={"type": "string", "pattern": "^[0-9]{12}$"}, description="Only these."),
    "sources": Param([], type="array", examples=list(SETTINGS.sources), description="Only these, by name."),
    "order": Param(parameters.ORDERS[0], enum=list(parameters.ORDERS), description="Which months come first."),
}


class Month(TriggerDagRunOperator):
    """The provider's operator, but that nothing of what it is given is rendered."""

    template_fields = ()


@task
def months(*, params: Any) -> list[dict[str, Any]]:
    today = datetime.now(UTC).date()
    try:
        found = parameters.months_of(params, SETTINGS.sources, today)
    except parameters.ParameterError as error:
        raise AirflowFailException(str(error)) from error
    return [each.as_conf() for each in found]


with DAG(
    "trailhouse_backfill",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["trailhouse"],
):
    Month.partial(
        task_id="month",
        trigger_dag_id="trailhouse_ingest",
        wait_for_completion=True,
        poke_interval=5,
        fail_when_dag_is_paused=True,  # or it would wait for ever
        openlineage_inject_parent_info=False,  # conf holds what was asked for, and nothing else
        max_active_tis_per_dagrun=1,
        retries=0,  # the run that it starts tries its own tasks again
        map_index_template="{{ task.conf['from'] }}",
    ).expand(conf=months())
