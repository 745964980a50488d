"""The files that are ready to be copied, judged by the programs that will read them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml

from tests.cloud import environments
from tests.small_model import write_small_model

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

SCHEDULES = pathlib.Path("runners/schedules")


def test_the_cron_job_fits_its_schema():
    text = (SCHEDULES / "cronjob.yaml").read_text()
    cron_job = yaml.safe_load(text)
    kubernetes_validate.validate(cron_job, "1.31", strict=True)
    cron_job["spec"]["concurrencyPolicies"] = cron_job["spec"].pop("concurrencyPolicy")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(cron_job, "1.31", strict=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_sound(tmp_path):
    program = tmp_path / "electra"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in (SCHEDULES / "systemd").iterdir():
        name = path.name.replace("@", "@news")
        text = path.read_text().replace("/opt/electra/.venv/bin/electra", str(program))
        (tmp_path / name).write_text(text.replace("User=electra\n", ""))
    command = ["systemd-analyze", "verify", "--man=no"]
    units = [str(path) for path in sorted(tmp_path.glob("electra@*"))]
    found = subprocess.run([*command, *units], capture_output=True, text=True)
    complaints = [line for line in found.stderr.splitlines() if "electra@" in line]
    assert (found.returncode, complaints) == (0, []), found.stderr


def test_the_dockerfile_has_no_complaint():
    hadolint = pathlib.Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [str(hadolint), "--format", "json", "Dockerfile"], capture_output=True, text=True
    )
    assert json.loads(found.stdout) == []


PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
print(json.dumps({
    "errors": list(bag.import_errors.values()),
    "dags": {
        name: {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
        for name, dag in bag.dags.items()
    },
}))
"""


# The task of the DAG as it is, but for what it runs on and with.
RUN = """
import sys
from airflow.dag_processing.dagbag import DagBag

task = DagBag(sys.argv[1]).dags["electra_nightly"].get_task("translate")
task.py_interpreter, task.runner = sys.argv[2], "DirectRunner"
task.pipeline_options |= {"job": sys.argv[3], "direct_num_workers": 1}
for name in ("parallelism", "flink_master", "environment_config"):
    del task.pipeline_options[name]
task.execute({})
"""


@pytest.fixture
def airflow(tmp_path):
    """Runs a program in Airflow's environment, with the DAG in the folder `dags`."""
    (tmp_path / "dags").mkdir()
    shutil.copy(SCHEDULES / "airflow_dag.py", tmp_path / "dags")
    python = environments.python("airflow", beside_ours=False)
    variables = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.getcwd(),
    }

    def run(*command):
        found = subprocess.run(
            [python, *command], env=variables, capture_output=True, text=True, cwd=tmp_path
        )
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    run("-m", "airflow", "db", "migrate")
    return run


def test_airflow_reads_the_dag(airflow):
    bag = json.loads(airflow("-c", PARSE, "dags").splitlines()[-1])
    assert bag["errors"] == []
    assert bag["dags"] == {"electra_nightly": {"prepare": ["translate"], "translate": []}}


def test_airflow_does_a_task(airflow, tmp_path):
    write_small_model(tmp_path / "model")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("the quick fox.\na lazy dog.\n")
    (tmp_path / "job.yaml").write_text(
        f"workdir: {tmp_path}/made\nsource_lang: en\ntarget_lang: de\ntranslate:\n"
        f"  model: {tmp_path}/model\n  input: [{tmp_path}/docs]\n  output: {tmp_path}/out\n"
    )
    airflow("-c", RUN, "dags", sys.executable, str(tmp_path / "job.yaml"))
    assert (tmp_path / "out" / "a.txt").read_text().count("\n") == 2
    assert (tmp_path / "out" / "_electra" / "manifest.json").is_file()
