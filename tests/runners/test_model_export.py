import json

import ctranslate2
import pytest
from click.testing import CliRunner

from electra_model.errors import InputError
from runners import cli
from runners.health import doctor
from runners.model_export import export
from tests.small_model import write_small_model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("trained") / "model")


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
