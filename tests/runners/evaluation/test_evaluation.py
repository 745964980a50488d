import json

import numpy as np
import pytest

from electra_model.attention_flow import AttentionLayer, Flow
from electra_model.errors import InputError, WorkError
from runners.evaluation import evaluation
from runners.evaluation.evaluation import evaluate_folder, one_line, read_pairs

DECODING = {"beam_size": 2, "length_penalty": 0.6, "max_length": None}
WORDS = {"the": "das", "red": "rote", "house": "Haus", "is": "ist", "old": "alt", "big": "groß"}

# Of two pieces, in an encoder of one layer and a decoder of two.
LAYER = AttentionLayer(np.array([[[0.5, 0.5]] * 2]), np.array([[[3.0]], [[1.0]]]), np.zeros(1))
FLOW = Flow(
    encoder=np.full([1, 2, 2], 1 / 2),
    from_source=np.full([2, 2, 2], 1 / 3),
    from_target=np.full([2, 2, 2], 1 / 6),
    encoder_layers=[LAYER],
    decoder_layers=[LAYER] * 2,
    cross_layers=[LAYER] * 2,
)


class WordByWord:
    """A translator without weights: looks each word up. Counts what it is asked for."""

    source_max_length = 9

    def __init__(self, fingerprint="f1", fail_after=None):
        self.fingerprint = fingerprint
        self.calls = []
        self._fail_after = fail_after

    def count_tokens(self, texts):
        return np.array([len(text.split()) + 1 for text in texts])

    def translate(self, texts, *, beam_size, length_penalty, max_length):
        if self._fail_after is not None and len(self.calls) == self._fail_after:
            raise KeyboardInterrupt
        self.calls.append(list(texts))
        lines = [" ".join(WORDS.get(word, word) for word in text.split()) for text in texts]
        return lines, np.zeros(len(texts), np.float32)

    def log_likelihoods(self, sources, targets):
        tokens = self.count_tokens(targets)
        return -np.log(2.0) * tokens, tokens

    def attention(self, source, *, beam_size, length_penalty):
        pieces = [*source.split(), "</s>"]
        size = len(pieces)
        return {
            "source_pieces": pieces,
            "target_pieces": pieces,
            "cross": np.full([2, 3, size, size], 1 / size),
            "encoder": np.full([1, 3, size, size], 1 / size),
            "flow": FLOW,
        }


PAIRS = [
    ("the red house is old", "das rote Haus ist alt"),
    ("the house is big", "das Haus ist sehr groß"),
    ("old", "alt"),
    ("the big red house is the old big red house", "das große Haus"),
]


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "model").mkdir()
    write_pairs(tmp_path, "test", PAIRS)
    write_model(tmp_path, "f1")
    return tmp_path


def write_pairs(workdir, split, pairs):
    lines = [json.dumps({"source": source, "target": target}) + "\n" for source, target in pairs]
    (workdir / "dataset" / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


def write_model(workdir, fingerprint):
    (workdir / "model" / "model.json").write_text(json.dumps({"fingerprint": fingerprint}))


def run(workdir, model, decoding=DECODING, **options):
    return evaluate_folder(str(workdir), "de", decoding, load=lambda folder: model, **options)


def test_scores_hypotheses_and_attention_are_written(workdir):
    model = WordByWord()
    scores = run(workdir, model)
    folder = workdir / "evaluation"
    assert json.loads((folder / "scores.json").read_text()) == scores
    assert (folder / "test.hyp.txt").read_text().splitlines() == [
        "das rote Haus ist alt",
        "das Haus ist groß",
        "alt",
        "das groß rote Haus ist das alt groß rote Haus",
    ]
    assert scores["model_fingerprint"] == "f1"
    assert scores["decoding"] == DECODING
    test = scores["test"]
    assert (test["split"], test["sentences"], test["too_long"]) == ("test", 4, 1)
    assert test["model"]["chrf"]["score"] > test["copy_source"]["chrf"]["score"] + 20
    assert "tok:13a" in test["model"]["bleu"]["signature"]
    attention = json.loads((folder / "attention.json").read_text())
    assert np.shape(attention["cross"])[:2] == (2, 3)
    assert attention["source_pieces"][-1] == "</s>"
    assert attention["flow"] == {
        "encoder": [[[0.5, 0.5]] * 2],
        "from_source": [[[0.3333] * 2] * 2] * 2,
        "from_target": [[[0.1667] * 2] * 2] * 2,
        "current": [[[0.75, 0.25]] * 2] * 2,
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "attention.json",
        "scores.json",
        "test.hyp.txt",
    ]


def test_same_model_pairs_and_decoding_are_not_evaluated_again(workdir):
    first = run(workdir, WordByWord())

    def never(folder):
        raise AssertionError("the model was loaded")

    assert evaluate_folder(str(workdir), "de", DECODING, load=never) == first


@pytest.mark.parametrize("change", ["model", "pairs", "decoding", "hypotheses"])
def test_what_it_depends_on_makes_it_run_again(workdir, change):
    run(workdir, WordByWord())
    model, decoding = WordByWord(), DECODING
    if change == "model":
        model = WordByWord("f2")
        write_model(workdir, "f2")
    elif change == "pairs":
        write_pairs(workdir, "test", PAIRS[:2])
    elif change == "decoding":
        decoding = {**DECODING, "beam_size": 3}
    else:
        (workdir / "evaluation" / "test.hyp.txt").write_text("edited\n")
    scores = run(workdir, model, decoding)
    assert len(model.calls) == 1
    assert scores["test"]["sentences"] == (2 if change == "pairs" else 4)


def test_an_interrupted_evaluation_goes_on_where_it_was(workdir, monkeypatch):
    monkeypatch.setattr(evaluation, "PIECE_SENTENCES", 1)
    with pytest.raises(KeyboardInterrupt):
        run(workdir, WordByWord(fail_after=2))
    assert not (workdir / "evaluation" / "scores.json").exists()
    model, seen = WordByWord(), []
    scores = run(workdir, model, progress=lambda done, total: seen.append((done, total)))
    assert model.calls == [[PAIRS[2][0]], [PAIRS[3][0]]]
    assert scores["test"]["sentences"] == 4
    assert seen[0] == (0, 4) and seen[-1] == (4, 4)


def test_without_test_data_the_validation_pairs_are_scored_and_said_so(workdir):
    (workdir / "dataset" / "test.jsonl").unlink()
    write_pairs(workdir, "valid", PAIRS[:1])
    assert run(workdir, WordByWord())["test"]["split"] == "valid"


def test_what_is_missing_is_named_with_the_remedy(workdir):
    (workdir / "dataset" / "test.jsonl").unlink()
    with pytest.raises(InputError, match=r"/dataset: there is no complete dataset; run .electra p"):
        run(workdir, WordByWord())
    (workdir / "dataset" / "dataset_info.json").write_text("{}")
    (workdir / "dataset" / "test.jsonl").write_text("")
    with pytest.raises(InputError, match=r"test\.jsonl: no held-out pairs.*data\.test"):
        run(workdir, WordByWord())
    write_pairs(workdir, "test", PAIRS)
    (workdir / "model" / "model.json").unlink()
    with pytest.raises(InputError, match=r"model\.json.*electra train"):
        run(workdir, WordByWord())


def test_lists_that_the_model_does_not_have(workdir):
    with pytest.raises(InputError, match="translate.shortlist: .*model has none"):
        run(workdir, WordByWord(), {**DECODING, "shortlist": True})


def test_a_model_that_is_not_the_described_one_fails(workdir):
    with pytest.raises(WorkError, match="fingerprint f1, the model itself f9"):
        run(workdir, WordByWord("f9"))


def test_a_damaged_pair_is_named_by_line(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"source": "a", "target": "b"}\n{"source": "a"}\n')
    with pytest.raises(InputError, match=r"test\.jsonl, line 2: expected"):
        read_pairs(str(path))


def test_one_line():
    assert one_line("one\r\n two \n\nthree\u2028four ") == "one two three\u2028four"


def test_summaries_are_of_the_beginning_and_scored_by_rouge(workdir):
    long = "The red house is old. It is big and it is red."
    write_pairs(workdir, "test", [*PAIRS, (long, "The house is old.")])
    model = WordByWord()
    scores = run(workdir, model, task="summarise")
    assert model.calls[0][-1] == "The red house is old."
    assert scores["task"] == "summarise" and scores["test"]["too_long"] == 2
    assert set(scores["test"]["lead_1"]) == {"rouge1", "rouge2", "rougeL", "chrf"}
    assert "copy_source" not in scores["test"]


def test_continuations_are_of_the_end_and_have_a_perplexity(workdir):
    long = "It is big and it is red. The red house is old."
    write_pairs(workdir, "test", [(long, "The house is big.")])
    model = WordByWord()
    scores = run(workdir, model, task="generate")
    assert model.calls == [["The red house is old."]]
    assert scores["test"]["model"]["perplexity"]["score"] == 2.0
    assert scores["test"]["model"]["character_perplexity"]["score"] == round(2 ** (5 / 18), 4)
    assert "perplexity" not in scores["test"]["copy_source"]


def test_of_a_long_text_a_part_is_drawn(workdir, monkeypatch):
    monkeypatch.setattr(evaluation, "DRAWN_TOKENS", 4)
    write_pairs(workdir, "test", [("The house. It is old and big.", "Old.")])
    run(workdir, WordByWord(), task="summarise")
    drawn = json.loads((workdir / "evaluation" / "attention.json").read_text())
    assert (drawn["source"], drawn["translation"]) == ("The house.", "The house.")
