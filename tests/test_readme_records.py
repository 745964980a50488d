"""The README's snippet that prints records of a dataset."""

import ast
import re
from pathlib import Path

from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv

ROOT = Path(__file__).parents[1]


def test_pairs_and_windows_are_shown(tmp_path, capsys):
    pairs = sentences(60)
    write_tsv(tmp_path / "train.tsv", pairs)
    config = make_config(tmp_path, train=[str(tmp_path / "train.tsv")])
    run(config)
    readme = (ROOT / "README.md").read_text()
    (code,) = [text for text in re.findall(r"```python\n(.*?)```", readme, re.S) if "glob" in text]
    capsys.readouterr()
    exec(code.replace("work/en-de", config.workdir), {})
    ids, texts = {}, {}
    name = ""
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("["):
            texts[name] = ast.literal_eval(line)
        else:
            split, feature, values = line.split(" ", 2)
            name = f"{split} {feature}"
            ids[name] = ast.literal_eval(values)
    assert [*ids] == [
        "train source_ids", "train target_ids", "pretrain token_ids", "pretrain segment_ids",
    ]  # fmt: skip
    assert [*texts] == [*ids][:3]
    shown = zip(texts["train source_ids"], texts["train target_ids"], strict=True)
    assert set(shown) <= set(pairs)
    sides = {text for pair in pairs for text in pair}
    assert any(side in texts["pretrain token_ids"][0] for side in sides)
    assert ids["pretrain segment_ids"][0][0] == 1
