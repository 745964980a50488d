import json

import pytest
from click.testing import CliRunner

from runners.engines import beam_job
from runners.jobs.job import load_job


def arguments(*options, runner="FlinkRunner"):
    return beam_job.arguments_of(options, "job.yaml", "translate", runner)


def settings(found):
    return [text for text in found[2:] if text != "--set"]


def test_options_of_airflow_become_the_section_of_the_runner(tmp_path):
    found = arguments(
        "--flink_master=jobmanager:8081",
        "--parallelism=8",
        "--labels=airflow-version=v3-3-2",
        "--environment_config=localhost:50000",
        "--sdk_worker_parallelism=2",
    )
    assert found[:2] == ["translate", "job.yaml"]
    given = settings(found)
    (tmp_path / "job.yaml").write_text("workdir: w\nsource_lang: en\ntarget_lang: de\n")
    runner = load_job(str(tmp_path / "job.yaml"), given).runner
    assert (runner.name, runner.master, runner.workers) == ("flink", "jobmanager:8081", 8)
    assert (runner.worker_pool, runner.options) == (
        "localhost:50000",
        {"sdk_worker_parallelism": 2},
    )


def test_flags_without_a_value():
    found = settings(arguments("--no_use_public_ips", "--no_auth", runner="DataflowRunner"))
    assert found == [
        "runner.name=dataflow",
        "runner.public_ips=false",
        "runner.options.no_auth=true",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runner=SparkRunner"], "--runner: found 'SparkRunner'; allowed are DirectRunner"),
        (["translate"], "translate: write options of Beam as --name=value"),
    ],
)
def test_what_it_does_not_know(options, message):
    found = CliRunner().invoke(beam_job.main, ["--job", "job.yaml", *options])
    assert found.exit_code == 2
    assert message in found.output


def test_labels_are_of_dataflow():
    (_, text) = settings(arguments("--labels=team=a", runner="DataflowRunner"))
    assert text == 'runner.labels.team="a"'
    assert settings(arguments("--labels=team=a", runner="DirectRunner")) == ["runner.name=local"]


def test_values_are_quoted_as_yaml_needs_it():
    (_, text) = settings(arguments("--job_name=on", runner="DataflowRunner"))
    assert text == f"runner.job_name={json.dumps('on')}"
