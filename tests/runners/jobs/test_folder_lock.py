import os

import pytest

from electra_model.errors import InputError, WorkError
from runners.jobs import folder_lock


def test_the_lock(tmp_path):
    folder = str(tmp_path / "work")
    with folder_lock.locked(folder), folder_lock.locked(folder):
        assert (tmp_path / "work" / ".lock").read_text() == f"{os.getpid()}\n"
        if (child := os.fork()) == 0:
            folder_lock._held.clear()
            try:
                with folder_lock.locked(folder):
                    os._exit(0)
            except WorkError:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with folder_lock.locked(folder):
        pass


def test_a_folder_that_cannot_be_locked(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="workdir: cannot write to .*taken.*: File exists"):
        with folder_lock.locked(str(tmp_path / "taken")):
            pass
