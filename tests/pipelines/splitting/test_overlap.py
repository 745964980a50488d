import pytest

from pipelines.splitting.overlap import all_ngrams, ngrams, shares
from tests.pipelines.small_jobs import make_config, read_rejected, run, sentences, tree, write_tsv


@pytest.mark.parametrize(
    "text, words, expected",
    [
        ("One, two: THREE!", 2, ["one two", "two three"]),
        ("one two", 3, []),
        ("", 1, []),
        ("漢字です。", 2, ["漢 字", "字 で", "で す"]),
        ("version 2.0", 3, ["version 2 0"]),
        ("Привет, мир", 2, ["привет мир"]),
    ],
)
def test_ngrams(text, words, expected):
    assert ngrams(text, words) == expected


def test_share_of_ngrams_that_are_held_out():
    held_out = all_ngrams(["a b c d", "x y"], 2)
    texts = ["A, b, c, d", "a b c e", "a b z y", "a", "x y x"]
    assert shares(texts, held_out, 2).tolist() == [1, 2 / 3, 1 / 3, 0, 1 / 2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("overlap")
    held = ("the cat and the dog went home late", "die Katze und der Hund gingen spät heim")
    close = ("the cat and the dog went home today", "die Katze und der Hund gingen heute heim")
    half = ("the cat and the dog ran far away", "die Katze und der Hund liefen weit weg")
    pairs = sentences(300)
    train = [*pairs[:100], close, *pairs[100:250], half]
    write_tsv(tmp_path / "train.tsv", train)
    write_tsv(tmp_path / "test.tsv", [held, *pairs[260:290]])
    return tmp_path, close, half


def job(tmp_path, name, share, **dataset):
    return make_config(
        tmp_path, name, train=[str(tmp_path / "train.tsv")], test=[str(tmp_path / "test.tsv")],
        clean={"overlap": share, "overlap_words": 4}, dataset={"valid_fraction": 0, **dataset},
    )  # fmt: skip


@pytest.mark.parametrize("share, both", [(0.8, False), (0.81, None), (0.4, True), (0.41, False)])
def test_sources_from_this_share_on_are_rejected(made, share, both):
    # `close` has 4 of 5 n-grams of 4 words in the test source, `half` 2 of 5.
    tmp_path, close, half = made
    config = job(tmp_path, f"work-{share}", share)
    info = run(config)
    expected = [] if both is None else [close, half] if both else [close]
    train = info["splits"]["train"]["ledger"]
    found = (
        {(row["source"], row["target"]) for row in read_rejected(config, "overlap")}
        if ("overlap" in train["rejected"])
        else set()
    )
    assert {pair for pair in (close, half) if pair in found} == set(expected)
    assert train["in"] == 252 == train["out"] + sum(train["rejected"].values())
    assert "overlap" not in info["splits"]["test"]["ledger"]["rejected"]


@pytest.mark.slow
def test_same_bytes_for_any_size_of_unit(made):
    tmp_path, close, _ = made
    whole, small = (
        job(tmp_path, f"units-{size}", 0.8, unit_megabytes=size) for size in (4.0, 0.002)
    )
    first, second = run(whole)["ledger"], run(small)["ledger"]
    assert first == second and first["rejected"]["overlap"] >= 1

    def shards(config):
        return {k: v for k, v in tree(config).items() if k.endswith(".tfrecord")}

    assert shards(whole) == shards(small)
    records = [
        [(row["source"], row["row"]) for row in read_rejected(config, "overlap")]
        for config in (whole, small)
    ]
    assert [source for source, _ in records[0]] == [source for source, _ in records[1]]
    assert close[0] in dict(records[0])
