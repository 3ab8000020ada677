"""
Look-up: one access key, one event id and one user in 90 days of 3,000,000 rows, after `maintain`.

As a responder types it, each a whole process; and within a process that has answered before.
"""

from __future__ import annotations

import json
import statistics
import sys
from datetime import date
from pathlib import Path
from typing import Any

from bench import inputs, lakes
from bench.process import run as run_program
from bench.process import trailhouse
from bench.values import Bench
from trailhouse import settings
from trailhouse.ask import local, parameters, queries

TIMES, DAYS = 3, 90  # the bench's events
SINCE, UNTIL, MIDDLE = date(2026, 3, 1), date(2026, 5, 29), date(2026, 4, 15)
REPORT = "key_activity"
COLUMNS = "event_time, account_id, region, event_source, event_name, source_ip, error_code"

# A key and a user of those that are seldom seen, and an event of a day in the middle: always the same ones.
SOUGHT = f"""
SELECT
  (SELECT identity_access_key_id FROM events WHERE identity_access_key_id LIKE 'AKIA%'
   GROUP BY 1 ORDER BY count(*), 1 LIMIT 1),
  (SELECT min(event_id) FROM events WHERE event_date = DATE '{MIDDLE}'),
  (SELECT identity_user_name FROM events WHERE identity_user_name IS NOT NULL AND identity_user_name <> ''
   GROUP BY 1 ORDER BY count(*), 1 LIMIT 1)
"""


def run(bench: Bench) -> dict[str, Any]:
    """Each of the three, whole and warm."""
    taken = inputs.sample(bench, round(bench.events * TIMES), days=DAYS, clean=True)
    lake = str(lakes.maintained(bench, taken))
    with local.asking(settings.Lake(location=lake, catalog_uri=f"{lake}/catalog.sqlite")) as ask:
        ((key, event, user),) = ask(SOUGHT).rows
    given = {"since": SINCE.isoformat(), "until": UNTIL.isoformat(), "key": key}
    sqls = {
        "access_key": parameters.bound(queries.report(REPORT), given, UNTIL),
        "event_id": f"SELECT * FROM events WHERE event_id = '{event}'",
        "user": f"SELECT {COLUMNS} FROM events WHERE identity_user_name = '{user}' ORDER BY event_time",
    }
    asked = [part for name, value in given.items() for part in ("-p", f"{name}={value}")]
    commands = {name: ["sql", sql] for name, sql in sqls.items()} | {"access_key": ["report", "run", REPORT, *asked]}
    whole: dict[str, list[float]] = {name: [] for name in sqls}
    for _ in range(bench.rounds):
        for name, command in commands.items():
            whole[name].append(trailhouse(*command, "--lake", lake).seconds)
    told = bench.scratch / "asked.json"
    told.write_text(json.dumps({"kind": "lake", "place": lake, "asked": sqls}))
    warm = run_program([sys.executable, "-m", "bench.asking", str(told)]).said
    return {"events": taken.events, "files": len(lakes.data_files(Path(lake))), "whole": whole, "warm": warm}


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Seconds of the slowest of the three: a look-up is to take less than one."""
    return {
        "lookup_seconds": max(statistics.median(each) for each in numbers["whole"].values()),
        "lookup_seconds_warm": max(each["seconds"] for each in numbers["warm"].values()),
    }
