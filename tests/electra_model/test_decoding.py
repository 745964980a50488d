from electra_model.decoding import Decoding, Sampling


def test_settings_are_equal_by_their_values():
    assert Decoding() == Decoding(4, 0.6, 1, 2, 0, None)
    assert hash(Decoding(sampling=Sampling(top_k=3))) == hash(Decoding(sampling=Sampling(top_k=3)))
    assert Decoding(sampling=Sampling(seed=1)) != Decoding(sampling=Sampling(seed=2))
