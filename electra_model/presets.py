"""The sizes that `model.preset` names, and what goes with them."""

from typing import Any

# Each preset names every size. `tiny` trains on a laptop in minutes; `small` is the size of the
# small ELECTRA encoder (Clark et al. 2020, table 6); `base` and `large` are the Transformer's two
# sizes (Vaswani et al. 2017, table 3). Those whose names begin with "electra" are the published
# encoders (Clark et al. 2020, table 6), for which only the depth of the decoder is ours: the paper
# has none.
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": dict(num_layers=4, num_decoder_layers=2, d_model=192, num_heads=4, dff=768),
    "small": dict(num_layers=6, num_decoder_layers=2, d_model=256, num_heads=4, dff=1024),
    "base": dict(num_layers=6, num_decoder_layers=6, d_model=512, num_heads=8, dff=2048),
    "large": dict(num_layers=6, num_decoder_layers=6, d_model=1024, num_heads=16, dff=4096),
    "electra-small": dict(
        num_layers=12, num_decoder_layers=2, d_model=256, num_heads=4, dff=1024, embedding_dim=128
    ),
    "electra-base": dict(num_layers=12, num_decoder_layers=6, d_model=768, num_heads=12, dff=3072),
    "electra-large": dict(
        num_layers=24, num_decoder_layers=6, d_model=1024, num_heads=16, dff=4096
    ),
}

# Where the pretraining of a published size differs from the defaults of `PretrainConfig` (table 6:
# the generator's width is 1/4, 1/3 and 1/4 of the discriminator's, and 15, 15 and 25 % of tokens
# are hidden).
PRETRAINING_OF_PRESETS: dict[str, dict[str, float]] = {
    "electra-base": dict(generator_fraction=1 / 3),
    "electra-large": dict(mask_fraction=0.25),
}
