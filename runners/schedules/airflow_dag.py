"""Every night: prepare what is new, and translate it on a Flink cluster. A DAG for Airflow.

Copy it into Airflow's folder of DAGs. It needs `apache-airflow-providers-apache-beam`, and
electra-pipelines in the environment that its tasks run in (`py_interpreter`). A task that fails is
tried again, and goes on where it was.
"""

from __future__ import annotations

import datetime

from airflow.providers.apache.beam.operators.beam import BeamRunPythonPipelineOperator
from airflow.sdk import DAG

JOB = "/etc/electra/job.yaml"
PYTHON = "/opt/electra/.venv/bin/python"
FLINK = {"flink_master": "flink-jobmanager:8081", "environment_config": "localhost:50000"}


def stage(name: str, parallelism: int) -> BeamRunPythonPipelineOperator:
    """One stage of the job, as a task."""
    return BeamRunPythonPipelineOperator(
        task_id=name,
        runner="FlinkRunner",
        py_interpreter=PYTHON,
        py_options=["-m"],
        py_file="runners.engines.beam_job",
        pipeline_options={"job": JOB, "stage": name, "parallelism": parallelism, **FLINK},
        execution_timeout=datetime.timedelta(hours=8),
    )


with DAG(
    dag_id="electra_nightly",
    schedule="30 1 * * *",
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": datetime.timedelta(minutes=5)},
    tags=["electra"],
) as dag:
    stage("prepare", 4) >> stage("translate", 8)
