"""What PyTorch makes of the same tokens: run by the peers' interpreter, prints one line of JSON.

`training_peer.py marian|marian-compiled|electra float32|bfloat16 FOLDER VOCABULARY BATCH_TOKENS
SECONDS`; in bfloat16 its forward pass runs under `torch.autocast`.
"""

import json
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
from torch.nn import functional

PAD, EOS, BOS, MASK = 0, 3, 2, 4
WARM_UPDATES = 8
# An update that takes so many times the median was compiling, and is left out.
MOST_OF_MEDIAN = 5


def rows(arrays, column):
    """The records of a column, as a list of int arrays."""
    values, offsets = arrays[column].astype(np.int64), arrays[f"{column}_offsets"]
    return np.split(values, offsets[1:-1])


def matrix(records):
    """Records -> int64 [rows, longest], padded."""
    longest = max(map(len, records))
    filled = np.full((len(records), longest), PAD, np.int64)
    for row, record in zip(filled, records, strict=True):
        row[: len(record)] = record
    return torch.from_numpy(filled)


def sorted_batches(sources, targets, batch_tokens, seed=1):
    """Batches of pairs of like length, in random order: as many as fit into `batch_tokens`, padding
    of the longer side included."""
    longest = np.maximum([len(row) for row in sources], [len(row) for row in targets])
    order = np.argsort(longest, kind="stable")
    order = order[longest[order] <= 128]
    batches, start = [], 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * longest[order[end]] <= batch_tokens:
            end += 1
        batches.append(order[start:end])
        start = end
    np.random.default_rng(seed).shuffle(batches)
    for chosen in batches:
        yield matrix([sources[i] for i in chosen]), matrix([targets[i] for i in chosen])


def marian(vocabulary):
    """The encoder-decoder of Marian in the sizes of our preset `small`."""
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=vocabulary,
        d_model=256,
        encoder_layers=6,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=1024,
        decoder_ffn_dim=1024,
        activation_function="relu",
        dropout=0.1,
        attention_dropout=0.1,
        activation_dropout=0.1,
        max_position_embeddings=128,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
    )
    return MarianMTModel(config).train()


def forward_in(precision):
    """The context of forward passes."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")


def pair_updates(folder, vocabulary, batch_tokens, precision, compiled):
    """Yields (seconds, target tokens, padded tokens of both sides, loss) of each update."""
    arrays = np.load(folder / "pairs.npz")
    sources, targets = rows(arrays, "source_ids"), rows(arrays, "target_ids")
    torch.manual_seed(1)
    model = marian(vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.98), 1e-9, 0.01)
    forward = torch.compile(model, dynamic=True) if compiled else model
    for source, target in sorted_batches(sources, targets, batch_tokens):
        start = time.monotonic()
        shifted = torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1)
        with forward_in(precision):
            logits = forward(
                input_ids=source,
                attention_mask=source.ne(PAD).long(),
                decoder_input_ids=shifted,
                use_cache=False,
            ).logits
            loss = functional.cross_entropy(
                logits.flatten(0, 1), target.flatten(), ignore_index=PAD, label_smoothing=0.1
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        took = time.monotonic() - start
        yield took, int(target.ne(PAD).sum()), source.numel() + target.numel(), float(loss.detach())


def electra_models(vocabulary):
    """Generator and discriminator of the published small size (Clark et al. 2020, table 6)."""
    from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

    sizes = dict(
        vocab_size=vocabulary,
        embedding_size=128,
        num_hidden_layers=12,
        max_position_embeddings=128,
        pad_token_id=PAD,
    )
    discriminator = ElectraForPreTraining(
        ElectraConfig(hidden_size=256, num_attention_heads=4, intermediate_size=1024, **sizes)
    )
    generator = ElectraForMaskedLM(
        ElectraConfig(hidden_size=64, num_attention_heads=1, intermediate_size=256, **sizes)
    )
    generator.electra.embeddings = discriminator.electra.embeddings
    generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight
    return generator.train(), discriminator.train()


def window_updates(folder, vocabulary, batch_tokens, precision):
    """Yields (seconds, tokens, padded tokens, loss) of each update."""
    arrays = np.load(folder / "windows.npz")
    windows = rows(arrays, "token_ids")
    torch.manual_seed(1)
    generator, discriminator = electra_models(vocabulary)
    weights = {id(one): one for net in (generator, discriminator) for one in net.parameters()}
    optimizer = torch.optim.AdamW(weights.values(), 5e-4, (0.9, 0.98), 1e-6, 0.01)
    order = np.random.default_rng(1).permutation(len(windows))
    count = batch_tokens // 128
    for first in range(0, len(order) - count, count):
        start = time.monotonic()
        ids = matrix([windows[i] for i in order[first : first + count]])
        attention = ids.ne(PAD).long()
        hidden = (torch.rand(ids.shape) < 0.15) & ids.gt(MASK)
        kept = torch.rand(ids.shape) < 0.15  # of the hidden ones: left as they are
        masked = torch.where(hidden & ~kept, MASK, ids)
        with forward_in(precision):
            logits = generator.generator_predictions(
                generator.electra(masked, attention_mask=attention).last_hidden_state[hidden]
            )
            logits = generator.generator_lm_head(logits).float()
            generator_loss = functional.cross_entropy(logits, ids[hidden])
            with torch.no_grad():
                noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
                corrupted = ids.clone()
                corrupted[hidden] = (logits + noise).argmax(-1)
            told = discriminator(corrupted, attention_mask=attention).logits.float()
            real = attention.bool()
            labels = corrupted.ne(ids).float()
            loss = functional.binary_cross_entropy_with_logits(told[real], labels[real])
        total = generator_loss + 50.0 * loss
        total.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        took = time.monotonic() - start
        yield took, int(real.sum()), ids.numel(), float(total.detach())


def main():
    """Runs updates for so many seconds after the first ones, and prints the rate."""
    what, precision, folder, vocabulary, batch_tokens, seconds = sys.argv[1:]
    torch.set_num_threads(2)
    place = pathlib.Path(folder)
    if what == "electra":
        updates = window_updates(place, int(vocabulary), int(batch_tokens), precision)
    else:
        compiled = what == "marian-compiled"
        updates = pair_updates(place, int(vocabulary), int(batch_tokens), precision, compiled)
    spent = tokens = padded = count = 0.0
    loss = float("nan")
    times = []
    for number, (took, of_it, pads, last) in enumerate(updates):
        loss = last
        times.append(took)
        # Shapes that are new to a compiled model are compiled within an update, minutes each.
        if number < WARM_UPDATES or took > MOST_OF_MEDIAN * statistics.median(times):
            continue
        spent, tokens, padded, count = (
            spent + took,
            tokens + of_it,
            padded + pads,
            count + 1,
        )
        if spent > float(seconds):
            break
    print(
        json.dumps(
            {
                "tokens": tokens,
                "seconds": spent,
                "padded": padded,
                "columns": 1 if what == "electra" else 2,
                "updates": count,
                "loss": loss,
            }
        )
    )


if __name__ == "__main__":
    main()
