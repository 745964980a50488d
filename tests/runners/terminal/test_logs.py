import subprocess
import sys


def run(code, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stderr.splitlines()


def test_tensorflow_and_beam_are_imported_without_a_word():
    code = (
        "from runners.terminal import logs; logs.quiet(); "
        "import apache_beam, tensorflow as tf; print(tf)"
    )
    assert run(code) == []


def test_what_a_user_can_act_on_is_shown_and_chatter_is_not():
    code = (
        "from runners.terminal import logs; logs.quiet(); import logging\n"
        "logging.getLogger('pipelines.files').warning('the disk is slow')\n"
        "logging.getLogger('apache_beam.runners').error('a traceback')\n"
        "logging.getLogger().warning('apitools not found')\n"
        "logging.getLogger().info('hello')\n"
    )
    assert run(code) == ["WARNING pipelines.files: the disk is slow"]
    assert len(run(code, ELECTRA_DEBUG="1")) == 3


def test_errors_during_the_import_come_through(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'I0000 00:00:1 chatter\\nsomething else\\n')\nraise ImportError\n"
    )
    code = "from runners.terminal import logs\nlogs.quiet()\n"
    code += "try:\n  import tensorflow\nexcept ImportError: pass"
    assert run(code, PYTHONPATH=str(tmp_path)) == ["something else"]
