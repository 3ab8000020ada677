"""
A task that runs a job, where the settings say; and the event that other DAGs wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context

from trailhouse_airflow.commands import Command
from trailhouse_airflow.settings import Settings

LAKE = Asset("trailhouse_lake")  # something was published


def job(
    settings: Settings, task_id: str, command_of: Callable[[Context], Command], timeout: timedelta, **more: Any
) -> BaseOperator:
    """
    A task that runs a job, and runs it again where it failed.

    That is safe for every job: what is there already is not brought in twice (keys), what was begun is brought to its
    end or forgotten by the next run (claims), and no two publish at once (docs/adr/0004, 0009).
    """
    kind: Any
    if settings.runner == "local":
        from trailhouse_airflow.local import LocalJob

        kind = LocalJob
    else:
        from trailhouse_airflow.emr import EmrJob

        kind = EmrJob
    return kind(
        task_id=task_id,
        settings=settings,
        command_of=command_of,
        execution_timeout=timeout,
        retries=settings.retries,
        retry_delay=settings.retry_after,
        retry_exponential_backoff=2,
        max_retry_delay=settings.retry_at_most,
        **more,
    )
