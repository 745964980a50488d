from pipelines.mirrors.tagged_segments import keep_tags, mended
from pipelines.quality.quality import IN_PIECES
from pipelines.translation.outcome import Outcome


def asked_of(answers):
    """A model with the answers that it has, else in capitals, and what it was asked."""
    asked = []

    def translate(segments):
        asked.append(list(segments))
        outcomes = [
            Outcome(answers.get(one, one.upper()), -float(len(one.split()))) for one in segments
        ]
        return mended(segments, outcomes)

    return translate, asked


def test_answers_with_their_tags_are_taken():
    translate, asked = asked_of({"b <1/>": "< 1 / > B"})
    outcomes = keep_tags(["a", "b <1/>", "a <b> c"], translate)
    assert [one.translation for one in outcomes] == ["A", "<1/> B", "A <B> C"]
    assert [one.flags for one in outcomes] == [(), (), ()]
    assert len(asked) == 1


def test_a_lost_tag_is_kept_by_asking_for_the_pieces():
    source = "Press <1>the <2/> key</1>  now. <3/>!"
    translate, asked = asked_of({source: "PRESS THE KEY NOW."})
    outcomes = keep_tags([source, "x", source], translate)
    assert outcomes[0] == outcomes[2]
    assert outcomes[0].translation == "PRESS <1>THE <2/> KEY</1>  NOW. <3/>!"
    assert outcomes[0].flags == (IN_PIECES,)
    assert outcomes[0].score == -1
    assert asked[1] == ["Press", "the", "key", "now."]


def test_a_piece_without_a_translation_costs_the_sentence():
    translate, _ = asked_of({"a <1/> b": "lost", "b": ""})
    assert keep_tags(["a <1/> b"], translate) == [Outcome("", None)]


def test_tags_that_are_not_well_formed_are_text():
    translate, asked = asked_of({"a <1> b": "c"})
    assert keep_tags(["a <1> b"], translate)[0].translation == "c"
    assert len(asked) == 1


def test_words_that_are_gone_from_between_their_tags_are_lost():
    source = "Press <1>the <2>key</2></1>, <3> </3>!"
    translate, asked = asked_of({source: "<1>PRESS THE KEY <2> </2></1>, <3></3>!"})
    outcomes = keep_tags([source], translate)
    assert outcomes[0].translation == "PRESS <1>THE <2>KEY</2></1>, <3> </3>!"
    assert outcomes[0].flags == (IN_PIECES,) and asked[1] == ["Press", "the", "key"]
