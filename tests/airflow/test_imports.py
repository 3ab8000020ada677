"""Airflow takes every DAG file, on either runner, in a moment and without a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.airflow.airflow_server import ROOT, AirflowServer
from tests.airflow.emr_server import APPLICATION, ROLE

# Anything that reaches for the network fails; what has been imported before is what a DAG processor has as well.
SCRIPT = """
import json, socket, sys, time
def no(*_, **__):
    raise AssertionError("a DAG file reached for the network")
from airflow.dag_processing.dagbag import DagBag
import airflow.providers.standard.operators.python
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no
found = {}
for file in sys.argv[1:]:
    began = time.process_time()
    bag = DagBag(file)
    (dag,) = bag.dags.values() if not bag.import_errors else (None,)
    found[file] = [time.process_time() - began, str(bag.import_errors), dag and dag.dag_id, dag and sorted(dag.task_ids)]
json.dump(found, sys.stderr)
"""
LOCAL = f'[airflow]\njobs = "{ROOT / "jobs"}"\nreports = "/reports"\n'
EMR = f"""[airflow]
runner = "emr-serverless"
config = "s3://lake/trailhouse.toml"
emr_application = "{APPLICATION}"
emr_role = "{ROLE}"
emr_entry_points = "s3://lake/jobs"
emr_environment = "s3://lake/env.tar.gz"
emr_results = "s3://lake/results"
"""
SECONDS = 4.0  # of a processor's time; on EMR the provider's operators and hooks are imported as well


def bags(airflow: AirflowServer, folder: Path, text: str) -> dict[str, list]:
    (folder / "trailhouse.toml").write_text(text)
    files = sorted(str(path) for path in (ROOT / "airflow_dags").glob("*.py"))
    env = airflow.env | {"TRAILHOUSE_CONFIG": str(folder / "trailhouse.toml"), "PYTHONPATH": str(ROOT / "airflow_dags")}
    python = airflow.binary.parent / "python"
    ran = subprocess.run(
        [python, "-c", SCRIPT, *files], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    return json.loads(ran.stderr.splitlines()[-1])


@pytest.mark.parametrize("text", [LOCAL, EMR], ids=["local", "emr-serverless"])
def test_every_dag_is_imported_fast_and_offline(airflow: AirflowServer, tmp_path, text):
    found = bags(airflow, tmp_path, text)
    assert {told[2] for told in found.values()} == {Path(file).stem for file in found}
    for file, (seconds, errors, _, _) in found.items():
        assert errors == "{}" and seconds < SECONDS, file


def test_a_misspelt_setting_is_an_import_error_that_names_it(airflow: AirflowServer, tmp_path):
    found = bags(airflow, tmp_path, LOCAL.replace("reports", "report_s"))
    assert all("did you mean `airflow.reports`?" in told[1] for told in found.values())


def test_without_plan_first_a_run_is_one_job(airflow: AirflowServer, tmp_path):
    found = bags(airflow, tmp_path, f"{LOCAL}plan_first = false\n")
    (tasks,) = [told[3] for told in found.values() if told[2] == "trailhouse_ingest"]
    assert tasks == ["gate", "ingest", "pending", "published"]
