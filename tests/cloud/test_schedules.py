"""The files that are ready to be copied, judged by the programs that will read them."""

import json
import pathlib
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.cloud import environments

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
    hadolint = shutil.which(
        "hadolint", path=pathlib.Path(environments.python("cloud", beside_ours=True)).parent
    )
    assert hadolint is not None
    found = subprocess.run(
        [hadolint, "--format", "json", "Dockerfile"], capture_output=True, text=True
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


def test_airflow_reads_the_dag(tmp_path):
    (tmp_path / "dags").mkdir()
    shutil.copy(SCHEDULES / "airflow_dag.py", tmp_path / "dags")
    python = environments.python("airflow", beside_ours=False)
    variables = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    for command in (["-m", "airflow", "db", "migrate"], ["-c", PARSE, str(tmp_path / "dags")]):
        found = subprocess.run(
            [python, *command], env=variables, capture_output=True, text=True, cwd=tmp_path
        )
        assert found.returncode == 0, found.stderr
    bag = json.loads(found.stdout.splitlines()[-1])
    assert bag["errors"] == []
    assert bag["dags"] == {"electra_nightly": {"prepare": ["translate"], "translate": []}}
