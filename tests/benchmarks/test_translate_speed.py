import numpy as np

from tests.benchmarks import translate_speed


def saved(path, rows):
    ends = np.cumsum([0, *map(len, rows)])
    np.savez(path, target_ids=np.concatenate(rows), target_ids_offsets=ends)
    return str(path)


def test_seconds_are_compared_round_by_round(tmp_path):
    ours = saved(tmp_path / "ours.npz", [[5, 3], [6, 7, 3], [8, 3], [9, 3]])
    theirs = saved(tmp_path / "theirs.npz", [[5, 3], [6, 3], [8, 3], [9, 3]])

    def turn(seconds, output):
        return {"tokens": 100, "seconds": seconds, "output": output, "bleu": 7.0}

    turns = {
        (translate_speed.PEER, 1): [turn(2, theirs), turn(3, theirs), turn(4, theirs)],
        ("electra", 1): [turn(1, ours), turn(2, ours), turn(1, ours)],
    }
    peer, own = translate_speed.table(turns)[-2:]
    assert peer == "| CTranslate2 | 1 | 33 | 25 to 50 | 100.0% | 7.00 | 1.00 |"
    assert own == "| electra | 1 | 100 | 50 to 100 | 75.0% | 7.00 | 2.00 |"
