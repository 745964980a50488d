"""What Dataflow would be given: staged into a Cloud Storage server, submitted to a recorder."""

import json
import subprocess
import sys

import pytest

from tests.cloud import commands, servers
from tests.cloud.bucket import read, write

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

JOB = """
workdir: gs://bucket/work
source_lang: en
target_lang: de
data: {train: [gs://bucket/corpus/*.tsv]}
vocabulary: {size: 100}
runner:
  name: dataflow
  project: some-project
  region: europe-west4
  temp_location: gs://bucket/tmp
  workers: 30
  machine_type: n2-standard-8
  disk_gb: 80
  service_account: electra@some-project.iam.gserviceaccount.com
  subnetwork: regions/europe-west4/subnetworks/inner
  public_ips: false
  labels: {team: language, stage: nightly}
  accelerator: "type:nvidia-tesla-t4;count:1;install-nvidia-driver"
  options: {no_auth: true}
"""
SECRET = "not-to-be-seen"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    subprocess.run(pip, check=True)
    (found,) = folder.iterdir()
    return found


@pytest.fixture
def job(gcs, tmp_path):
    write(gcs, "corpus/train.tsv", "".join(f"word {n}\tWort {n}\n" for n in range(200)))
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


def submitted(gcs, job, *settings):
    """What the API was given, what was said, and the exit status."""
    with servers.dataflow() as api:
        process = commands.start(
            {**gcs, "ELECTRA_TOKEN": SECRET},
            *("prepare", job, "--set", f"runner.endpoint={api.address}", *settings),
        )
        _, errors = process.communicate()
    return api.jobs, errors, process.returncode


def test_the_job_that_is_submitted(gcs, job, wheel, tmp_path):
    copy = tmp_path / "submitted.json"
    jobs, errors, status = submitted(
        gcs, job, *commands.settings(runner__wheel=str(wheel), runner__job_file=str(copy))
    )
    # The recorder says at once that the job is done; nothing was, and that is noticed.
    assert status == 1 and "cannot be read after preparing" in errors, errors
    (given,) = jobs
    found = json.loads(copy.read_text())  # the same, in words where the API has numbers
    assert given["name"] == found["name"]
    assert found["type"] == "JOB_TYPE_BATCH"
    environment = found["environment"]
    (pool,) = environment["workerPools"]
    assert pool["machineType"] == "n2-standard-8"
    assert int(pool["diskSizeGb"]) == 80
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 30
    assert pool["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert pool["subnetwork"] == "regions/europe-west4/subnetworks/inner"
    assert environment["serviceAccountEmail"] == "electra@some-project.iam.gserviceaccount.com"
    assert found["labels"]["team"] == "language"
    options = environment["sdkPipelineOptions"]["options"]
    assert options["dataflow_service_options"] == [
        "worker_accelerator=type:nvidia-tesla-t4;count:1;install-nvidia-driver"
    ]
    staged = {package["name"]: package["location"] for package in pool["packages"]}
    assert read(gcs, _name(staged[wheel.name])) == wheel.read_bytes()
    # The graph lies beside it; its steps have our names.
    graph = read(gcs, options["pipelineUrl"].removeprefix("gs://bucket/"))
    for label in ("CleanUnits", "FindDuplicates", "LearnVocabulary", "WriteShards"):
        assert f"{label}/DoTasks".encode() in graph
    assert SECRET not in json.dumps(given) and SECRET.encode() not in graph


def _name(location):
    return location.removeprefix("storage.googleapis.com/bucket/")


def test_an_image_takes_the_place_of_the_wheel(gcs, job):
    image = "europe-west4-docker.pkg.dev/some-project/images/electra:0.1.0"
    jobs, _, _ = submitted(gcs, job, *commands.settings(runner__image=image))
    (pool,) = jobs[0]["environment"]["workerPools"]
    images = {one["containerImage"] for one in pool["sdkHarnessContainerImages"]}
    assert images == {image}


def test_a_template(gcs, job):
    place = commands.settings(runner__template_location="gs://bucket/templates/prepare")
    jobs, errors, status = submitted(gcs, job, *place)
    assert (jobs, status) == ([], 0), errors
    assert "nothing has run; the pipeline is a template now" in errors
    template = json.loads(read(gcs, "templates/prepare"))
    assert template["environment"]["workerPools"]
