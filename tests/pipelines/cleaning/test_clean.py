import csv
import dataclasses
import gzip
import json

import pytest

from electra_model.errors import InputError
from pipelines import prepare, records, stages
from pipelines.cleaning.clean import chunks, partition_count, read_kept
from pipelines.cleaning.rejections import spans_of
from pipelines.formats import lines
from pipelines.units import Unit
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_rejected,
    run,
    run_until,
    sentences,
    write_tsv,
)


def unit(size):
    return Unit(0, "00000-00000", "a.tsv", "tsv", None, 0, size, size, "train")


def test_partitions_follow_from_the_size_of_the_input():
    assert partition_count([unit(1)]) == 1
    assert partition_count([unit(512 << 20)] * 3) == 4
    assert partition_count([unit(1 << 50)]) == 4096


@pytest.mark.parametrize("source, target", [("raw", "error"), ("row", "target"), ("t.en", "t.de")])
def test_fields_may_have_any_name(tmp_path, source, target):
    path = tmp_path / "a.jsonl"
    pairs = sentences(12)
    rows = [{"t": {"en": s, "de": t}, source: s, target: t} for s, t in pairs] + [{source: 5}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = make_config(tmp_path, train=[str(path)], source_field=source, target_field=target)
    assert run(config)["ledger"]["rejected"] == {"not_text": 1}
    (bad,) = read_rejected(config, "not_text")
    assert json.loads(bad["raw"]) == {source: 5} and bad["row"] == 12


def test_chunks_hold_normalised_text_and_hashes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("\ufeffthe  red house\t das rote Haus \r\nOld tree\talter Ba\u0075m\n")
    config = make_config(tmp_path, train=[str(path)])
    run(config)
    (chunk,) = chunks(config)
    assert (chunk.id, chunk.role, chunk.number) == ("00000-00000-00000", "train", 0)
    kept = read_kept(config, chunk)
    assert kept.schema == records.KEPT
    assert kept.column("source").to_pylist() == ["the red house", "Old tree"]
    assert kept.column("target").to_pylist() == ["das rote Haus", "alter Baum"]
    assert stages.count_done(config.workdir, "clean") == 1
    assert read_info(config)["ledger"]["in"] == 2


def test_mended_records_are_counted_and_go_through_the_rules(tmp_path):
    rows = [*sentences(30), ("caf\u00c3\u00a9", "Kaffeehaus"), ("R&amp;D", "F&amp;E")]
    rows.append(("a bell \x07 rings", "eine Glocke"))
    train, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    train.write_text("".join(f"{source}\t{target}\n" for source, target in rows))
    test.write_text("Q&amp;A\tFragen &amp; Antworten\n")
    inputs = {"train": [str(train)], "test": [str(test)]}
    plain = run(make_config(tmp_path, "plain", **inputs))
    assert plain["mended"] == 0 and plain["ledger"]["rejected"] == {"control_characters": 1}

    config = make_config(tmp_path, "mended", clean={"mend": True}, **inputs)
    info = run(config)
    assert info["mended"] == 3 and info["ledger"]["rejected"] == {}
    kept = [read_kept(config, chunk).to_pylist() for chunk in chunks(config)]
    train_pairs, test_pairs = ([(row["source"], row["target"]) for row in some] for some in kept)
    assert train_pairs[30:] == [
        ("caf\u00e9", "Kaffeehaus"), ("R&D", "F&E"), ("a bell rings", "eine Glocke")
    ]  # fmt: skip
    assert test_pairs == [("Q&amp;A", "Fragen &amp; Antworten")]  # a measure is left as it is


def test_documents_are_judged_with_their_line_ends(tmp_path):
    prose = [" ".join(source for source, _ in sentences(9, seed=n)) + "." for n in range(4)]
    texts = [
        *prose,
        "- one thing\n- another thing\n- the last",
        "- one line of prose, more or less.",
    ]
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    config = make_config(
        tmp_path,
        train=[write_tsv(tmp_path / "a.tsv", sentences(30, seed=9))],
        monolingual={"en": [str(path)]},
        clean={"documents": {"min_punctuated_lines": 0.5}},
    )
    info = run(config)
    assert info["splits"]["pretrain"]["ledger"] == {
        "in": 6, "out": 5, "rejected": {"min_punctuated_lines": 1}
    }  # fmt: skip
    (bad,) = read_rejected(config, "min_punctuated_lines")
    assert bad["source"] == "- one thing - another thing - the last" and bad["row"] == 4


def test_each_side_is_judged_by_its_own_language(tmp_path):
    pairs = [*sentences(30), ("дом", "das Haus"), ("the house", "дом")]
    config = make_config(
        tmp_path, train=[write_tsv(tmp_path / "a.tsv", pairs)], clean={"min_script_share": 0.5}
    )
    assert run(config)["ledger"]["rejected"] == {"min_script_share": 2}


def test_the_language_that_was_found_instead_is_kept(tmp_path):
    english = "All human beings are born free and equal in dignity and rights, number {}."
    german = "Alle Menschen sind frei und gleich an Würde und Rechten geboren, Nummer {}."
    french = "Tous les êtres humains naissent libres et égaux en dignité et en droits."
    pairs = [(english.format(n), german.format(n)) for n in range(30)]
    pairs += [(english.format("x"), french)]
    config = make_config(
        tmp_path, train=[write_tsv(tmp_path / "a.tsv", pairs)], clean={"wrong_language": 0.2}
    )
    run_until(config, "clean")
    spans = spans_of(config, "clean", stages.load_index(config, "clean"))
    ((path, start, stop),) = spans["wrong_language"]
    with open(path, "rb") as stream:
        (bad,) = map(json.loads, gzip.decompress(stream.read()[start:stop]).splitlines())
    assert (bad["row"], bad["found"]["target"]["language"]) == (30, "fr")
    assert 0.8 < bad["found"]["target"]["probability"] <= 1 and len(bad["found"]) == 1


@pytest.mark.parametrize("rule", ["min_script_share", "wrong_language"])
def test_rules_that_know_nothing_of_a_language_are_named_before_any_work(tmp_path, rule):
    config = make_config(
        tmp_path, train=[write_tsv(tmp_path / "a.tsv", sentences(3))], clean={rule: 0.5}
    )
    config = dataclasses.replace(config, target_lang="tlh")
    with pytest.raises(InputError, match=f"clean.{rule}: .*'tlh'"):
        prepare.plan_prepare(config)


def test_a_line_that_is_too_large_is_rejected_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    path = tmp_path / "a.txt"
    sources = [source for source, _ in sentences(30)]
    path.write_text("\n".join([*sources[:20], "y" * 2000, "z" * 1000, *sources[20:]]))
    config = make_config(tmp_path, monolingual={"en": [str(path)]}, train=())
    ledger = run(config)["ledger"]
    assert ledger["rejected"]["too_large"] == 1
    (bad,) = read_rejected(config, "too_large")
    assert bad == {
        "rule": "too_large", "path": str(path), "unit": "00000-00000", "row": 20, "raw": "y" * 200,
    }  # fmt: skip


def test_csv_with_semicolons(tmp_path):
    """One key for all that reads a file: the look at its header, the cut into units, the rows."""
    pairs = sentences(60)
    with open(tmp_path / "a.csv", "w", newline="") as stream:
        rows = [(source.replace(" ", " \n", 1), target) for source, target in pairs]
        csv.writer(stream, delimiter=";").writerows([("source", "target"), *rows])
    train = [str(tmp_path / "a.csv")]
    with pytest.raises(InputError, match='set data.csv_delimiter: ";", which holds for all CSV'):
        prepare.plan_prepare(make_config(tmp_path, train=train))
    config = make_config(
        tmp_path, train=train, csv_delimiter=";", dataset={"unit_megabytes": 0.0005}
    )
    run_until(config, "clean")
    kept = [read_kept(config, chunk).to_pylist() for chunk in chunks(config)]
    assert len(kept) > 3
    assert [(row["source"], row["target"]) for some in kept for row in some] == pairs
