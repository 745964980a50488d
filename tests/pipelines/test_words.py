import numpy as np
import pyarrow as pa
import pytest

from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from electra_model.tokenizer import EOS_ID
from pipelines import records
from pipelines.config import VocabularyConfig
from pipelines.vocabulary import train_pieces
from pipelines.words import WordPieces, count_words, most_frequent, words_part

WORDS = [("house", 9), ("houses", 7), ("Haus", 8), ("Häuser", 5), ("the", 20), ("das", 18)]


def strings(*texts):
    return pa.array(texts, pa.string())


@pytest.fixture(scope="module")
def tokenizer():
    return SentencePieceTokenizer(train_pieces(WORDS, VocabularyConfig(size=64)))


def test_words_are_counted():
    words, counts = count_words(strings("the house the", "", "the\x00 end", "a\tb"))
    counted = dict(zip(words.to_pylist(), counts.tolist(), strict=True))
    assert counted == {"the": 2, "house": 1, "end": 1}


@pytest.mark.parametrize("partitions", [1, 3])
def test_words_are_divided_by_their_text_alone(tmp_path, partitions):
    path = tmp_path / "words"

    def batches(words):
        column = strings(*(word for word, _ in words))
        counts = np.array([count for _, count in words])
        path.write_bytes(words_part(column, counts, partitions))
        table = records.open_table(str(path))
        assert table.num_record_batches == partitions
        return [table.get_batch(number).to_pydict() for number in range(partitions)]

    every = batches(WORDS)
    found = [pair for batch in every for pair in zip(batch["word"], batch["count"], strict=True)]
    assert sorted(found) == sorted(WORDS)
    for fewer, more in zip(batches(WORDS[:2]), every, strict=True):
        assert set(fewer["word"]) <= set(more["word"])


def test_the_most_frequent_come_first_and_equal_ones_by_their_text():
    counts = pa.table({"word": ["b", "é", "a", "z"], "count": [2, 2, 2, 9]}, records.WORDS)
    assert most_frequent(counts, 3).to_pydict() == {"word": ["z", "a", "b"], "count": [9, 2, 2]}


TEXTS = ["the house", "", "das Haus das Häuser", "thehouses xyz ☃", "Haus"]


@pytest.mark.parametrize("most", [3, 300_000])
def test_pieces_of_words_laid_end_to_end(tokenizer, most):
    """As the tokenizer cuts whole texts, whatever is remembered of earlier columns."""
    pieces_of = WordPieces(tokenizer, most)
    for texts in (TEXTS, TEXTS[::-1], [], ["das"], TEXTS * 3):
        found = pieces_of.encode(strings(*texts))
        values, offsets = tokenizer.encode_columns(texts)
        assert found.offsets.to_pylist() == offsets.tolist()
        assert found.flatten().to_pylist() == values.tolist()
        assert all(ids[-1] == EOS_ID for ids in found.to_pylist())


def test_a_word_is_cut_once(tokenizer):
    cut = []

    class Watched:
        def encode_words(self, words):
            cut.extend(words)
            return tokenizer.encode_words(words)

    pieces_of = WordPieces(Watched())
    pieces_of.encode(strings("the house the", "the das"))
    pieces_of.encode(strings("das Haus"))
    assert cut == ["the", "house", "das", "Haus"]
