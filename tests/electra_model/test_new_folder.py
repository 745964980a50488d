import pytest

from electra_model.errors import InputError
from electra_model.new_folder import new_folder


def ours(folder):
    return (folder / "mine").exists()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path):
    place = tmp_path / "below" / "[new]"
    with new_folder(place, ours, "mine") as building:
        (building / "mine").write_text("1")
        assert not place.exists()
    assert names(place) == ["mine"] and names(place.parent) == ["[new]"]
    with new_folder(place, ours, "mine") as building:
        (building / "mine").write_text("2")
    assert (place / "mine").read_text() == "2" and names(place.parent) == ["[new]"]


def test_a_failure_leaves_the_older_one(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    (place / "mine").write_text("1")
    (tmp_path / ".place.tmp-killed").mkdir()
    with pytest.raises(ZeroDivisionError), new_folder(place, ours, "mine") as building:
        (building / "mine").write_text("2")
        raise ZeroDivisionError
    assert (place / "mine").read_text() == "1" and names(tmp_path) == ["place"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_belongs_to_others_stays(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("dear")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "nowhere")
    message = f"^{place}: is not a thing of mine and would be overwritten; name another one$"
    with pytest.raises(InputError, match=message):
        with new_folder(place, ours, "a thing of mine"):
            raise AssertionError
    assert names(tmp_path) == ["place"]
