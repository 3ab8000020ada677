"""
What the DAGs share: settings, parameters, command lines, where a job runs, and what its outcome means.

Runs in Airflow's environment, which has no Trailhouse. All but `operators` needs the standard library alone.
"""
