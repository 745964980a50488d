import pathlib
import re

import numpy as np
import pytest

from electra_model.decoding import Decoding, Sampling
from electra_model.export import load_model
from electra_model.tokenizer import EOS_ID

SETTINGS = dict(beam_size=2, length_penalty=0.6)


@pytest.fixture(scope="module")
def texts(sentences):
    """20 sentences and, in between, texts of other lengths, more than one batch in all."""
    sources = [source for source, _ in sentences]
    return [*sources, "dog", *sources[:7], "", sources[0] + " dog sees", *sources, *sources]


@pytest.fixture(scope="module")
def translated(loaded, texts):
    return loaded.translate(texts, **SETTINGS)


def test_one_output_and_score_for_each_text_in_order(loaded, texts, translated):
    outputs, scores = translated
    assert len(outputs) == len(scores) == len(texts)
    assert scores.dtype == np.float32
    assert len(set(outputs)) > 4, "the model says various things"
    for start in (28, 30, 50):
        source = texts.index(texts[start])
        assert outputs[start] == outputs[source] and scores[start] == scores[source]


def test_what_a_text_becomes_does_not_depend_on_the_others(loaded, texts, translated):
    backwards, scores = loaded.translate(texts[::-1], **SETTINGS)
    assert backwards[::-1] == translated[0]
    assert np.array_equal(scores[::-1], translated[1])
    for index in (0, 20, 29):
        alone = loaded.translate([texts[index]], **SETTINGS)
        assert (alone[0][0], alone[1][0]) == (translated[0][index], translated[1][index])


def test_one_function_for_each_setting_whatever_the_shapes(loaded, texts, translated):
    lengths = loaded.count_tokens(texts)
    widths = [next(width for width in loaded.widths if length <= width) for length in lengths]
    assert len(set(widths)) > 2
    function = loaded._searches[Decoding(2, 0.6)]
    loaded.translate(texts[:3], **SETTINGS)
    loaded.translate(texts[5:9], **SETTINGS)
    assert loaded._searches[Decoding(2, 0.6)] is function


def test_text_without_a_token_is_left_alone(loaded):
    outputs, scores = loaded.translate(["", "   "], **SETTINGS)
    assert outputs == ["", ""] and scores.tolist() == [0.0, 0.0]
    assert loaded.translate([], **SETTINGS)[0] == []


def test_count_tokens_counts_the_end_mark(loaded):
    assert loaded.count_tokens(["", "dog"])[0] == 1
    ids, offsets = loaded.tokenizer.encode_columns(["the dog sees the tree"])
    assert loaded.count_tokens(["the dog sees the tree"]).tolist() == [len(ids)]
    assert ids[-1] == EOS_ID and offsets.tolist() == [0, len(ids)]


def test_more_than_the_model_takes_is_cut(loaded):
    assert loaded.source_max_length == 24
    long = "the dog sees the tree " * 6
    longer = long + "moon river"
    assert loaded.count_tokens([long])[0] > 24
    first, second = (loaded.translate([text], **SETTINGS) for text in (long, longer))
    assert first[0] == second[0] and first[1] == second[1]


def test_a_bound_on_the_output(loaded, texts):
    outputs, _ = loaded.translate(texts[:4], beam_size=2, length_penalty=0.6, max_length=3)
    assert (loaded.count_tokens(outputs) <= 3).all()
    source = np.zeros((64, 16), np.int32)
    source[:, 0] = EOS_ID
    ids, scores = loaded.search_ids(source, Decoding(2, 0.6), max_length=3)
    assert ids.shape == (64, 1, 3) and scores.shape == (64, 1)


@pytest.mark.slow
def test_the_best_outputs_of_a_text(loaded, texts):
    found = loaded.n_best(texts[:12], 3, beam_size=3)
    outputs, scores = loaded.translate(texts[:12], beam_size=3)
    for ranked, output, score in zip(found, outputs, scores, strict=True):
        assert len(ranked) == 3 and ranked[0] == (output, score)
        assert [one for _, one in ranked] == sorted((one for _, one in ranked), reverse=True)
    assert loaded.n_best(texts[11:12], 3, beam_size=3) == found[11:]
    assert loaded.n_best([""], 2, beam_size=3) == [[]]


def test_how_words_look_at_those_of_the_source(loaded, texts):
    outputs, _ = loaded.translate(texts[:9], beam_size=2)
    found = loaded.word_attention(texts[:9], outputs)
    for text, output, attention in zip(texts, outputs, found, strict=False):
        assert "".join(attention.source_words) == text.replace(" ", "")
        assert "".join(attention.target_words) == output.replace(" ", "")
        assert attention.scores.shape == (
            len(attention.target_words),
            len(attention.source_words),
        )
        assert (attention.scores >= 0).all() and (attention.scores.sum(axis=1) <= 1 + 1e-5).all()
        assert all(
            attention.scores[target, source] == attention.scores[target].max()
            for source, target in attention.pairs()
        )
    (alone,) = loaded.word_attention(texts[4:5], outputs[4:5])
    np.testing.assert_array_equal(alone.scores, found[4].scores)
    # The same attention that is shown for one text.
    whole = loaded.attention(texts[4], beam_size=2)
    assert len(whole["cross"]) == 1, "one layer, which is the one that tells"
    by_piece = whole["cross"][0].mean(axis=0)
    if len(found[4].target_words) == len(whole["target_pieces"]) - 1:
        sums = found[4].scores.sum(axis=1)
        np.testing.assert_allclose(sums, by_piece[:-1, :-1].sum(axis=1), atol=1e-5)


@pytest.mark.slow
def test_what_is_drawn_is_a_function_of_text_and_seed(loaded, texts):
    def drawn(some, seed):
        return loaded.translate(some, sampling=Sampling(top_k=8, temperature=1.5, seed=seed))[0]

    outputs = drawn(texts[:20], 1)
    assert drawn(texts[19::-1], 1)[::-1] == outputs
    assert drawn(texts[7:8], 1) == outputs[7:8]
    assert sum(one != other for one, other in zip(drawn(texts[:20], 2), outputs, strict=True)) > 10
    assert loaded.translate(texts[:20], beam_size=1)[0] != outputs


def test_bounds_on_what_is_searched(loaded, texts):
    free = loaded.count_tokens(loaded.translate(texts[:20], beam_size=2)[0])
    bound = loaded.translate(texts[:20], beam_size=2, min_length=int(free.min()) + 3)[0]
    assert loaded.count_tokens(bound).min() > free.min()


def test_attention_behind_an_output(loaded, texts, translated):
    found = loaded.attention(texts[0], **SETTINGS)
    source, target = len(found["source_pieces"]), len(found["target_pieces"])
    assert found["source_pieces"][-1] == found["target_pieces"][-1] == "</s>"
    assert source == loaded.count_tokens(texts[:1])[0]
    assert found["encoder"].shape == (1, 2, source, source)
    assert found["decoder"].shape == (1, 2, target, target)
    assert found["cross"].shape == (1, 2, target, source)
    for name in ("encoder", "decoder", "cross"):
        np.testing.assert_allclose(found[name].sum(axis=-1), 1.0, atol=1e-5)
    written = "".join(found["target_pieces"][:-1]).replace("▁", " ").strip()
    assert written == translated[0][0]


def test_what_flows_into_an_output(loaded, texts):
    found = loaded.attention(texts[0], **SETTINGS)
    source, target = len(found["source_pieces"]), len(found["target_pieces"])
    flow = found["flow"]
    assert flow.encoder.shape == (1, source, source)
    assert flow.from_source.shape == (1, target, source)
    assert flow.from_target.shape == (1, target, target)
    # Of one layer: half from the source as the scores and the encoder say, half from the target.
    attended = found["cross"].mean(axis=1) @ flow.encoder
    np.testing.assert_allclose(flow.from_source, 0.5 * attended, atol=1e-6)
    kept = 0.25 * (found["decoder"].mean(axis=1) + np.eye(target))
    np.testing.assert_allclose(flow.from_target, kept, atol=1e-6)
    assert flow.cross_layers[0].shares().shape == (target, source)


def test_the_example_of_the_readme(saved, capsys):
    readme = pathlib.Path(__file__).parents[2] / "README.md"
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "from_source" in block]
    folder, text = '"work/en-de/model"', '"Good morning."'
    assert folder in example and text in example
    exec(example.replace(folder, repr(str(saved[0]))).replace(text, '"the dog sees the tree"'), {})
    lines = capsys.readouterr().out.splitlines()
    found = load_model(saved[0]).attention("the dog sees the tree")
    assert [line.split(" ", 1)[0] for line in lines] == found["target_pieces"]
    assert all("▁dog" in line or "▁d" in line for line in lines)


def test_a_likelihood_does_not_depend_on_the_others(loaded, texts):
    targets = texts[::-1]
    found, tokens = loaded.log_likelihoods(texts, targets)
    for row in (0, 20, 40):
        alone, count = loaded.log_likelihoods([texts[row]], [targets[row]])
        assert (alone[0], count[0]) == (found[row], tokens[row])
    empty, count = loaded.log_likelihoods([], [])
    assert len(empty) == len(count) == 0
