from prometheus_client.parser import text_string_to_metric_families

from runners.jobs import prometheus_file

STAGES = {
    "prepare": {
        "status": "complete",
        "started": "2026-01-02T03:04:05+0000",
        "seconds": 12.5,
        "peak_memory_bytes": 1000,
        "counts": {"in": 10, "out": 7, "rejected": {"empty": 2, "duplicate": 1}},
    },
    "train": {"status": "running", "started": "2026-01-02T03:05:00+0000"},
}


def test_the_file_is_what_prometheus_reads(tmp_path):
    prometheus_file.write(str(tmp_path), STAGES)
    text = (tmp_path / "metrics.prom").read_text(encoding="utf-8")
    found = {
        (sample.name, *sorted((k, v) for k, v in sample.labels.items() if k != "workdir")): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    began = 1767323045
    prepare = ("stage", "prepare")
    assert found == {
        ("electra_stage_state", prepare, ("state", "complete")): 1,
        ("electra_stage_state", ("stage", "train"), ("state", "running")): 1,
        ("electra_stage_start_timestamp_seconds", prepare): began,
        ("electra_stage_start_timestamp_seconds", ("stage", "train")): began + 55,
        ("electra_stage_end_timestamp_seconds", prepare): began + 12.5,
        ("electra_stage_duration_seconds", prepare): 12.5,
        ("electra_stage_peak_memory_bytes", prepare): 1000,
        ("electra_stage_records", ("direction", "in"), prepare): 10,
        ("electra_stage_records", ("direction", "out"), prepare): 7,
        ("electra_stage_rejected_records", ("rule", "empty"), prepare): 2,
        ("electra_stage_rejected_records", ("rule", "duplicate"), prepare): 1,
    }
