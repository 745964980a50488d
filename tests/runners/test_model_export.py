import json

import ctranslate2
import pytest
from click.testing import CliRunner

from electra_model.config import ModelConfig
from electra_model.electra import Electra
from electra_model.errors import InputError
from electra_model.export import save_model
from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabulary import train_pieces
from runners import cli, doctor
from runners.model_export import export


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    words = "the quick brown fox jumps over a lazy dog and runs home . , ! ?".split()
    pieces = train_pieces([(word, 9) for word in words], VocabularyConfig(size=64))
    sizes = ModelConfig(
        num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=16, max_length=16
    )
    tokenizer = SentencePieceTokenizer(pieces)
    model = Electra.from_config_and_vocabulary(sizes, tokenizer.size)
    folder = tmp_path_factory.mktemp("trained") / "model"
    save_model(folder, model, tokenizer, sizes, source_lang="en", target_lang="de", beam_size=1)
    return folder


def test_the_command(model_folder, tmp_path):
    output = tmp_path / "exported"
    options = ["--format", "ctranslate2", "--output", str(output), "--quantization", "int8"]
    answer = CliRunner().invoke(cli.electra, ["export", str(model_folder), *options])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout.splitlines()[-1]) == {
        "command": "export",
        "output": str(output),
        "format": "ctranslate2",
        "quantization": "int8",
        "bytes": (output / "model.bin").stat().st_size,
    }
    translator = ctranslate2.Translator(str(output), compute_type="default")
    (found,) = translator.translate_batch([["▁the"]], max_decoding_length=5)
    assert found.hypotheses[0]
    findings = []
    doctor.examine(None, (), str(output), findings.append)
    (line,) = [line for line in findings if str(output) in line]
    assert "en-de" in line and "cannot" not in line


def test_what_is_not_known(model_folder, tmp_path):
    with pytest.raises(InputError, match="^--format onnx: is not known; known: ctranslate2$"):
        export(str(model_folder), "onnx", str(tmp_path / "out"))
    with pytest.raises(InputError, match="^--quantization int4: is not known; known: float32, fl"):
        export(str(model_folder), "ctranslate2", str(tmp_path / "out"), "int4")
    with pytest.raises(InputError, match="is not a model folder"):
        export(str(tmp_path), "ctranslate2", str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
