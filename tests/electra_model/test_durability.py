import pytest

from electra_model.durability import sync_folder


def test_folders_and_files(tmp_path):
    (tmp_path / "a").write_text("x")
    sync_folder(tmp_path)
    sync_folder(str(tmp_path / "a"))
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "b")
