"""A real, untrained, very small exported model, for tests that need one and not what it says."""

import pathlib


def write_small_model(folder: pathlib.Path) -> pathlib.Path:
    """Writes its folder, beam size 1, and returns it. Imports TensorFlow."""
    from electra_model.config import ModelConfig
    from electra_model.electra import Electra
    from electra_model.export import save_model
    from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
    from pipelines.config import VocabularyConfig
    from pipelines.vocabularies.vocabulary import train_pieces

    words = "the quick brown fox jumps over a lazy dog and runs home . , ! ?".split()
    pieces = train_pieces([(word, 9) for word in words], VocabularyConfig(size=64))
    tokenizer = SentencePieceTokenizer(pieces)
    # With these positions it happens to have words for all that tests ask of it.
    sizes = ModelConfig(
        num_layers=1,
        num_decoder_layers=1,
        d_model=16,
        num_heads=2,
        dff=16,
        max_length=16,
        position_encoding="sinusoidal",
    )
    model = Electra.from_config_and_vocabulary(sizes, tokenizer.size)
    save_model(folder, model, tokenizer, sizes, source_lang="en", target_lang="de", beam_size=1)
    return folder
