import json
import math
import re

import pytest

from electra_model.errors import InputError
from runners.jobs.job import JobConfig
from runners.report import report, report_corpus, report_sections
from tests.runners.report_pages import Page, write, write_lines

ATTACK = "<script>alert('x')</script> & <img src=x onerror=alert(1)>"


def scored(high, low):
    def metrics(value):
        return {
            "bleu": {"score": value / 2, "signature": "nrefs:1|tok:zh"},
            "chrf": {"score": value, "signature": "nrefs:1|nc:6"},
        }

    return {"model": metrics(high), "copy_source": metrics(low)}


def write_dataset(workdir):
    rejected = {"empty": 3, "duplicate": 7, "home_made_rule": 1}
    write(
        workdir / "dataset" / "dataset_info.json",
        {
            "splits": {
                "train": {
                    "records": 1234,
                    "tokens": {"source": 12340, "target": 24680},
                    "shards": [{"bytes": 1_500_000}, {"bytes": 500_000}],
                },
                "pretrain": {"records": 10, "tokens": {"text": 1280}, "shards": [{"bytes": 10}]},
            },
            "ledger": {"in": 1245, "out": 1234, "rejected": rejected},
            "lengths": {
                "train": {"source": {"2": 5, "9": 3}, "target": {"3": 8}},
                "pretrain": {"text": {}},
            },
            "warnings": ["the rule empty rejected 40% of <b>all</b>"],
            "vocabulary_fingerprint": "abc",
        },
    )
    row = {"rule": "empty", "path": "/data/train.tsv", "unit": 0, "row": 4, "line": 5}
    write_lines(
        workdir / "dataset" / "samples" / "empty.jsonl",
        [{**row, "source": ATTACK, "target": None}] * 20,
    )


def write_evaluation(workdir):
    pairs = [{"source": f"Sentence {n}", "target": f"句子{n}"} for n in range(20)]
    write_lines(workdir / "dataset" / "test.jsonl", [{"source": ATTACK, "target": "句子"}, *pairs])
    hypotheses = ["", *(f"句子{n}" for n in range(20))]
    (workdir / "evaluation").mkdir()
    text = "".join(line + "\n" for line in hypotheses)
    (workdir / "evaluation" / "test.hyp.txt").write_text(text, encoding="utf-8")
    sample = {"name": "doc <1>", "lines": 30, "rows": [[ATTACK, "", "参考"]]}
    write(
        workdir / "evaluation" / "scores.json",
        {
            "model_fingerprint": "f",
            "decoding": {"beam_size": 4},
            "test": {
                "split": "test",
                "sentences": 21,
                "too_long": 2,
                **scored(61.25, 25.0),
                "seconds": 3.0,
            },
            "documents": {
                "documents": 5,
                "segments": 90,
                "untranslated": 1,
                **scored(50.0, 20.0),
                "samples": [sample],
            },
        },
    )
    write(
        workdir / "evaluation" / "attention.json",
        {
            "source": "Sentence <b>",
            "translation": "句子",
            "reference": "句子",
            "source_pieces": ["▁Sent", "ence", "▁<b>", "</s>"],
            "target_pieces": ["▁句", "子", "</s>"],
            "cross": [[[[0.7, 0.1, 0.1, 0.1]] * 3] * 2] * 2,
            "encoder": [[[[0.25] * 4] * 4] * 2],
            "flow": {
                "encoder": [[[0.25] * 4] * 4],
                "from_source": [[[0.4, 0.1, 0.0, 0.0]] * 3, [[0.5, 0.1, 0.1, 0.1]] * 3],
                "from_target": [[[0.5, 0.0, 0.0]] * 3, [[0.15, 0.05, 0.0]] * 3],
                "current": [[[0.25] * 4] * 3, [[0.62, 0.18, 0.1, 0.1]] * 3],
            },
        },
    )


def write_training(workdir):
    updates = [
        {
            "step": step,
            "loss": 9 / step,
            "accuracy": 0.5,
            "learning_rate": 5e-4,
            "tokens_per_second": 3000.0,
            "elapsed_seconds": step / 2.0,
        }
        for step in range(1, 121)
    ]
    check = {"step": 100, "valid_loss": 2.5, "valid_accuracy": 0.4, "valid_perplexity": 12.2}
    write_lines(workdir / "train" / "metrics.jsonl", [*updates, check])
    with open(workdir / "train" / "metrics.jsonl", "a") as stream:
        stream.write('{"step": 121, "lo')  # cut off by a kill
    kinds = {"restored": ["a", "b"], "fresh": ["c"], "skipped": []}
    write(workdir / "train" / "warm_start.json", kinds)
    pretraining = [
        {
            "step": step,
            "loss": math.nan if step == 5 else 3.0,
            "generator_loss": 3.0,
            "discriminator_loss": 0.3,
            "generator_accuracy": 0.2,
            "discriminator_accuracy": 0.9,
            "learning_rate": 1e-3,
            "tokens_per_second": 5000.0,
            "elapsed_seconds": 60.0 + step,
        }
        for step in range(1, 31)
    ]
    write_lines(workdir / "pretrain" / "metrics.jsonl", pretraining)
    write(
        workdir / "model" / "model.json",
        {"parameters": 5_123_456, "model": {"d_model": 192}, "fingerprint": "f", "buckets": [16]},
    )
    stages = {
        "train": {"status": "complete", "seconds": 60.0, "peak_memory_bytes": 2_600_000_000},
        "report": {"status": "running"},
    }
    run = {"stages": stages, "versions": {"python": "3.11.7"}, "config_fingerprint": "0123"}
    write(workdir / "run.json", run)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    write_dataset(folder)
    write_evaluation(folder)
    write_training(folder)
    return folder


@pytest.fixture(scope="module")
def page(workdir):
    return report.render(str(workdir), source_lang="en", target_lang="zh-Hant")[0]


def test_page_is_well_formed_with_unique_ids(page):
    parsed = Page(page)
    assert parsed.unclosed == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.tags.count("svg") >= 9


def test_page_asks_for_nothing_from_anywhere(page):
    parsed = Page(page)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(parsed.tags)
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    targets = [value for name, value in parsed.attributes if name.endswith(("href", "src"))]
    assert targets and all(value.startswith("#") for value in targets)
    assert all(found.startswith("#") for found in re.findall(r"url\((.)", page))
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page and "@font-face" not in page


def test_text_of_the_corpus_is_escaped(page):
    assert "<script" not in page and "<img" not in page
    # Rejected example (8 of 20 are shown), sample, worst sentence, document.
    assert Page(page).text.count(ATTACK) == 11


def test_page_says_what_the_files_say(page):
    text = re.sub(r"\s+", " ", Page(page).text)
    for expected in (
        "English → Chinese (Hant)",
        "chrF 61.2",
        "+36.2 against copying",
        "1,245 records came in, 1,234 were kept, 11 were rejected",
        "home_made_rule",
        "the rule empty rejected 40% of <b>all</b>",
        "the same record came before",
        "train.tsv, line 5",
        "120 updates in 1 min",
        "Lowest validation loss: 2.500 after 100 updates (perplexity 12.2)",
        "Tensors warm-started from pretraining: 2 restored, 1 fresh, 0 skipped.",
        "nrefs:1|tok:zh",
        "2 sources are longer than the model can take",
        "1 have no translation",
        "5.1 M",
        "2.6 GB",
        "3.11.7",
    ):
        assert expected in text


def test_pieces_are_labels_of_the_heat_map(page):
    assert '<th scope="col" lang="en"><span>Sent</span></th>' in page
    assert "<span>‑ence</span>" in page and "<span>&lt;b&gt;</span>" in page
    assert '<th scope="row" lang="zh-Hant">子</th>' in page
    assert 'title="子 looks at Sent: 70.0%"' in page


def test_the_flow_is_drawn_through_all_layers_and_of_the_last(page):
    # .5 of the .8 that come from the source.
    assert 'title="of the source, 子 holds Sent: 62.5%"' in page
    assert 'title="子 takes from &lt;b&gt;: 10.0%"' in page
    # The darkest cell of each map is its largest, whatever that is.
    dark = f"background-color:{report.shade(1.0)}"
    assert page.count(f'{dark}" title="of the source, 子 holds Sent') == 1
    assert page.count(f'{dark}" title="子 takes from Sent') == 1
    text = Page(page).text
    for label in ("after layer 1", "after layer 2", "in layer 2", "from source to output"):
        assert label in text


def test_an_evaluation_that_did_not_measure_the_flow(tmp_path):
    (tmp_path / "dataset").mkdir()
    write_evaluation(tmp_path)
    path = tmp_path / "evaluation" / "attention.json"
    attention = json.loads(path.read_text())
    del attention["flow"]
    write(path, attention)
    page, _ = report.render(str(tmp_path), source_lang="en", target_lang="zh-Hant")
    assert "looks at Sent" in page and "What reaches the output" not in page


def test_same_files_give_the_same_page(workdir, page):
    assert report.render(str(workdir), source_lang="en", target_lang="zh-Hant")[0] == page


def test_empty_work_folder_says_what_is_missing_and_how_to_get_it(tmp_path):
    page, present = report.render(str(tmp_path), source_lang="en", target_lang="xx")
    text = Page(page).text
    assert present == []
    for command in ("prepare", "pretrain", "train", "evaluate"):
        assert f"electra {command}" in text
    page, _ = report.render(
        str(tmp_path), source_lang="en", target_lang="xx", pretrain_skipped=True
    )
    assert "There is no pretraining in this job." in page


def test_write_report_writes_one_file(workdir):
    job = JobConfig(workdir=str(workdir), source_lang="en", target_lang="de")
    result = report.write_report(job)
    written = workdir / "report.html"
    assert result["report"] == str(written)
    assert result["bytes"] == written.stat().st_size < 500_000
    assert "evaluation" in result["sections"]


def test_nothing_to_report_on_is_an_error(tmp_path):
    job = JobConfig(workdir=str(tmp_path / "work"), source_lang="en", target_lang="de")
    with pytest.raises(InputError, match="nothing to report on yet; run `electra prepare`"):
        report.write_report(job)
    assert not (tmp_path / "work").exists()


def test_dataset_prepared_again_keeps_the_scores_and_hides_stale_sentences(tmp_path):
    (tmp_path / "dataset").mkdir()
    write_evaluation(tmp_path)
    write_lines(tmp_path / "dataset" / "test.jsonl", [{"source": "a", "target": "b"}])
    page, _ = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert "prepared again since the evaluation" in page and "chrF 61.2" in Page(page).text


def test_scores_without_documents_and_attention_make_a_page(tmp_path):
    (tmp_path / "dataset").mkdir()
    write_evaluation(tmp_path)
    (tmp_path / "evaluation" / "attention.json").unlink()
    path = tmp_path / "evaluation" / "scores.json"
    scores = json.loads(path.read_text())
    del scores["documents"]
    write(path, scores)
    page, present = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert present == ["evaluation"]
    assert 'id="documents"' not in page and "No attention to show yet" in page


def test_scores_of_an_earlier_model_are_marked(tmp_path, page):
    assert "of an earlier model" not in page
    (tmp_path / "dataset").mkdir()
    write_evaluation(tmp_path)
    (tmp_path / "dataset" / "test.jsonl").unlink()
    write(tmp_path / "model" / "model.json", {"fingerprint": "another"})
    later, _ = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert "of an earlier model" in later


def test_a_ledger_that_does_not_add_up_is_said_loudly(tmp_path):
    ledger = {"in": 10, "out": 4, "rejected": {"empty": 5}}
    write(tmp_path / "dataset" / "dataset_info.json", {"splits": {}, "ledger": ledger})
    page, _ = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert "must not be trusted" in page


def test_histogram_bars_share_one_width_and_leave_the_thin_tail_out():
    sides = {"source": {"1": 500, "99": 500, "5000": 1}, "target": [0, 7, 0, 3]}
    bars = report_corpus.histogram_bars(sides)
    assert bars["source"][0] == (0, 3, 500) and bars["source"][-1] == (99, 102, 500)
    assert bars["target"][:2] == [(0, 3, 7), (3, 6, 3)]
    assert report_corpus.histogram_bars({"text": {}}) == {"text": [(0, 1, 0)]}


@pytest.mark.parametrize(
    "extra, words, temperature",
    [
        ({"temperature": 1.5}, "a small generator has filled masked places beforehand", True),
        ({"generator_loss": 6.0}, "a small generator fills masked places", False),
    ],
)
def test_pretraining_on_replacements_says_so(tmp_path, extra, words, temperature):
    row = {"loss": 25.0, "discriminator_loss": 0.5, "learning_rate": 0.001, **extra}
    write_lines(
        tmp_path / "pretrain" / "metrics.jsonl", [{"step": step, **row} for step in (20, 40)]
    )
    page, _ = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert words in page
    assert ("at which the replaced tokens were drawn" in page) == temperature


def test_metrics_of_a_step_made_twice_count_as_they_went_last(tmp_path):
    rows = [{"step": 1, "loss": 5}, {"step": 2, "loss": 4}, {"step": 2, "loss": 3}]
    others = [{"step": 2, "valid_loss": 9}, {"step": 2, "went_back_from": 7}]
    write_lines(tmp_path / "metrics.jsonl", [*rows, *others, {"step": 2, "exported_step": 1}])
    losses = [row.get("loss") for row in report_sections.read_metrics(f"{tmp_path}/metrics.jsonl")]
    assert losses == [5, 3, None, None, None]


@pytest.mark.parametrize(
    ("piece", "label"),
    [("▁house", "house"), ("s", "‑s"), (".", "."), ("网", "网"), ("▁", "␣"), ("</s>", "⏎")],
)
def test_piece_label(piece, label):
    assert report_sections.piece_label(piece) == label


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (report.number, 1234567, "1,234,567"),
        (report.number, 0.00123, "0.00123"),
        (report.number, math.nan, "not a number"),
        (report.percent, 0.1234, "12.3%"),
        (report.percent, 0.0001, "<0.1%"),
        (report.percent, 0, "0.0%"),
        (report.duration, 4.26, "4.3 s"),
        (report.duration, 125, "2 min 05 s"),
        (report.duration, 754, "13 min"),
        (report.duration, 7500, "2 h 05 min"),
        (report.size, 999, "999 bytes"),
        (report.size, 1_500_000, "1.5 MB"),
        (report.language, "pt-BR", "Portuguese (BR)"),
        (report.language, "qq", "qq"),
        (report.highest, [[0.1, 0.3], [0.2, 0.0]], 0.3),
        (report.highest, [[0.0]], 1.0),
    ],
)
def test_values_read_well(function, value, text):
    assert function(value) == text


def test_cells_of_a_map_are_scaled_and_faint_ones_left_out():
    assert report.cells([[0.5, 0.04], [0.039, 1.0]]) == [(0, 0, 0.5), (1, 0, 0.04), (1, 1, 1.0)]
    assert report.cells([[0.2, 0.0], [0.005, 0.1]], 0.2) == [(0, 0, 1.0), (1, 1, 0.5)]
