import pathlib

from runners.health import doctor, machine_checks


def test_a_sound_machine_and_a_broken_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.tsv").write_text("Good morning\tGuten Morgen\n")
    (tmp_path / "job.yaml").write_text(
        "workdir: work\nsource_lang: en\ntarget_lang: de\n"
        "data: {train: [train.tsv], valid: [void.tsv], test: [none.tsv]}\n"
    )
    lines: list[str] = []
    counts = doctor.examine("job.yaml", [], "no-model", lines.append)
    assert counts["checks"] == len(lines)
    assert (counts["failed"], counts["input_failed"]) == (3, 3)
    assert lines[:2] == [
        "ok    job file         job.yaml is valid",
        "ok    data.train       1 file, 26 bytes",
    ]
    assert [line for line in lines if line.startswith("fail")] == [
        f"fail  data.valid       data.valid: no file matches 'void.tsv' in the folder {tmp_path}; "
        "name an existing file, folder or glob",
        f"fail  data.test        data.test: no file matches 'none.tsv' in the folder {tmp_path}; "
        "name an existing file, folder or glob",
        "fail  model            model: no model.json in no-model; "
        "name a folder that `electra train` wrote",
    ]
    assert "ok    google-crc32c    compiled" in lines
    assert "ok    pipelines        the runner local works, with worker processes" in lines
    assert "ok    work folder      work can be written to" in lines
    assert not (tmp_path / "work").exists()


def test_a_job_file_with_a_slip(tmp_path):
    (tmp_path / "job.yaml").write_text("workdirr: work\ndataset: {sed: 1}\nmodel: tiny\n")
    lines: list[str] = []
    counts = doctor.examine(str(tmp_path / "job.yaml"), [], None, lines.append)
    assert counts["input_failed"] == 1
    assert lines[0] == (
        f"fail  job file         {tmp_path}/job.yaml: workdirr: unknown key; did you mean "
        "workdir?; also dataset.sed: unknown key; did you mean dataset.seed?; also model: is a "
        "section with keys of its own; found 'tiny'; such as model: {preset: tiny}"
    )


def test_documents_that_cannot_be_translated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.tsv").write_text("Good morning\tGuten Morgen\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.xlf").write_text("<xliff version='1.2'><file>")
    (tmp_path / "job.yaml").write_text(
        "workdir: work\nsource_lang: en\ntarget_lang: de\ndata: {train: [train.tsv]}\n"
        "translate: {input: [docs/*.xlf], output: out}\n"
    )
    lines: list[str] = []
    counts = doctor.examine("job.yaml", [], None, lines.append)
    assert counts["input_failed"] == 1
    (wrong,) = (line for line in lines if line.startswith("fail"))
    assert wrong.startswith("fail  translate ") and "docs/a.xlf" in wrong


JOB = "workdir: work\nsource_lang: en\ntarget_lang: de\n"


def examined(text, *overrides):
    pathlib.Path("job.yaml").write_text(text)
    lines: list[str] = []
    doctor.examine("job.yaml", overrides, None, lines.append)
    return lines


def test_a_cluster_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = examined(JOB, "runner.name=flink", "runner.master=localhost:9")
    (line,) = (line for line in lines if "runner.master" in line)
    assert line.startswith("fail  runner           runner.master: nothing answers at localhost:9 (")


def test_a_model_with_another_vocabulary(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("vocabulary/vocabulary.json", '{"fingerprint": "one"}'),
        ("model/model.json", '{"fingerprint": "m", "vocabulary": {"fingerprint": "other"}}'),
    ):
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (line,) = (line for line in examined(JOB) if line.startswith("fail  vocabulary"))
    assert "was trained with another vocabulary (other) than that of work/vocabulary (one)" in line


def test_a_model_that_is_too_large_for_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine_checks, "free_memory", lambda: 5_000_000_000)
    (tmp_path / "train.tsv").write_text("Good morning\tGuten Morgen\n")
    text = JOB + "data: {train: [train.tsv]}\nrunner: {workers: 8}\n"
    lines = examined(text, "model.preset=large")
    (memory,) = (line for line in lines if line.startswith("warn  runner"))
    assert "8 workers may take 12.0 GB, and 5.0 GB are free; lower runner.workers" in memory
    (training,) = (line for line in lines if line.startswith("warn  training"))
    assert "lower model.preset or train.batch_tokens" in training
