"""PyTorch from scratch on the same pairs: run by the trainers' interpreter.

`learning_peer.py prenorm|marian short|long FOLDER UPDATES ...` reads `pairs.npz` and `test.npz` of
the folder, trains for the last of those numbers of updates, and prints one line of JSON: for each
number the updates, the target tokens and the hypotheses, a text for each test pair. `2m` instead of
numbers trains for two minutes and translates nothing. A training that was stopped goes on from
its last state, every 100 updates, and learns what it would have learned in one go.

prenorm: `torch.nn.Transformer` with pre-norm blocks, small batches, a cosine that ends with the
training, greedy search. marian: Hugging Face's, post-norm, inverse square root, beam 4.
"""

import itertools
import json
import math
import os
import pathlib
import sys
import time

import numpy as np
import sentencepiece
import torch
from torch import nn
from torch.nn import functional
from training_peer import BOS, EOS, MASK, PAD, marian, matrix, rows, sorted_batches

MOST_TOKENS = 128
SENTENCES_AT_ONCE = 64
SAVED_EVERY = 100


class PreNorm(nn.Module):
    """Encoder-decoder with one table for source, target and output, and sinusoidal positions."""

    def __init__(self, vocabulary, width, layers):
        super().__init__()
        self.width = width
        self.table = nn.Embedding(vocabulary, width, padding_idx=PAD)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        angles = torch.arange(MOST_TOKENS + 1)[:, None] * torch.exp(
            torch.arange(0, width, 2) * (-math.log(10_000) / width)
        )
        positions = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
        self.register_buffer("positions", positions)
        self.dropout = nn.Dropout(0.1)
        self.body = nn.Transformer(
            width,
            4,
            layers[0],
            layers[1],
            4 * width,
            dropout=0.1,
            activation="relu",
            batch_first=True,
            norm_first=True,
        )

    def embed(self, ids):
        vectors = self.table(ids) * math.sqrt(self.width)
        return self.dropout(vectors + self.positions[: ids.shape[1]])

    def encode(self, source):
        return self.body.encoder(self.embed(source), src_key_padding_mask=source.eq(PAD))

    def decode(self, memory, source, shifted):
        length = shifted.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)
        hidden = self.body.decoder(
            self.embed(shifted),
            memory,
            tgt_mask=causal,
            memory_key_padding_mask=source.eq(PAD),
        )
        return functional.linear(hidden, self.table.weight, self.bias)

    def forward(self, source, shifted):
        return self.decode(self.encode(source), source, shifted)

    @torch.no_grad()
    def search(self, source):
        memory = self.encode(source)
        found = torch.full((len(source), 1), BOS)
        ended = torch.zeros(len(source), dtype=torch.bool)
        for _ in range(min(MOST_TOKENS - 1, 2 * source.shape[1] + 10)):
            best = self.decode(memory, source, found)[:, -1].argmax(-1)
            best = torch.where(ended, PAD, best)
            found = torch.cat([found, best[:, None]], dim=1)
            ended |= best.eq(EOS)
            if ended.all():
                break
        return found[:, 1:]


class Marian(nn.Module):
    """Hugging Face's Marian behind the same face."""

    def __init__(self, vocabulary):
        super().__init__()
        self.net = marian(vocabulary)

    def forward(self, source, shifted):
        return self.net(
            input_ids=source,
            attention_mask=source.ne(PAD).long(),
            decoder_input_ids=shifted,
            use_cache=False,
        ).logits

    @torch.no_grad()
    def search(self, source):
        mask = source.ne(PAD).long()
        return self.net.generate(
            source, attention_mask=mask, num_beams=4, max_length=MOST_TOKENS, do_sample=False
        )[:, 1:]


def recipe(name, vocabulary, length):
    """Model, padded tokens of a batch, and the learning rate by update and share of the
    training."""
    if name == "marian":
        return (
            Marian(vocabulary),
            4096,
            lambda n, _: 1e-3 * min((n + 1) / 400, (400 / (n + 1)) ** 0.5),
        )
    width, layers, tokens, peak = 192, (3, 2), 1500, 2e-3
    if length == "long":
        width, layers, tokens, peak = 256, (4, 2), 2000, 1.5e-3

    def rate(update, share):
        return peak * min(1.0, (update + 1) / 200) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    return PreNorm(vocabulary, width, layers), tokens, rate


def batches(sources, targets, batch_tokens, first):
    """Endless, epoch by epoch, from the one of this number on."""
    epochs = (sorted_batches(sources, targets, batch_tokens, seed=n) for n in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(epochs), first, None)


def train(model, optimizer, rate, data, end, updates=0, tokens=0):
    """Yields the number of updates made and of target tokens after each update, from those given
    on; `end` is told the former and gives the share of the training that they are."""
    for source, target in data:
        share = end(updates)
        if share >= 1:
            return
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = rate(updates, share)
        shifted = torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1)
        loss = functional.cross_entropy(
            model(source, shifted).flatten(0, 1),
            target.flatten(),
            ignore_index=PAD,
            label_smoothing=0.1,
        )
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        updates, tokens = updates + 1, tokens + int(target.ne(PAD).sum())
        yield updates, tokens


class Saved:
    """The state of a training in a file: everything that the next update depends on."""

    def __init__(self, path, model, optimizer):
        self.path, self.model, self.optimizer = path, model, optimizer

    def restore(self):
        """Updates made, target tokens, what was found; nothing where there is no file."""
        if not self.path.is_file():
            return 0, 0, []
        state = torch.load(self.path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["draws"])
        return state["updates"], state["tokens"], state["found"]

    def save(self, updates, tokens, found):
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "draws": torch.get_rng_state(),
            "updates": updates,
            "tokens": tokens,
            "found": found,
        }
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.path)


def translate(model, sources, processor):
    """The texts of the test sources, in order."""
    model.eval()
    texts = [""] * len(sources)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for first in range(0, len(order), SENTENCES_AT_ONCE):
        chosen = order[first : first + SENTENCES_AT_ONCE]
        found = model.search(matrix([sources[i] for i in chosen]))
        for index, ids in zip(chosen, found.tolist(), strict=True):
            ids = ids[: ids.index(EOS)] if EOS in ids else ids
            texts[index] = processor.decode([one for one in ids if one > MASK])
    return texts


def main():
    """Trains, translates, prints."""
    name, length, folder, *lengths = sys.argv[1:]
    folder = pathlib.Path(folder)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    pairs, test = np.load(folder / "pairs.npz"), np.load(folder / "test.npz")
    processor = sentencepiece.SentencePieceProcessor(str(folder / "vocabulary" / "spm.model"))
    model, batch_tokens, rate = recipe(name, processor.get_piece_size(), length)
    optimizer = torch.optim.AdamW(model.parameters(), 1.0, (0.9, 0.98), 1e-9, 0.01)
    data = rows(pairs, "source_ids"), rows(pairs, "target_ids"), batch_tokens
    if lengths[0].endswith("m"):
        start, seconds = time.monotonic(), 60 * float(lengths[0][:-1])
        for updates, tokens in train(
            model,
            optimizer,
            rate,
            batches(*data, 0),
            lambda _: (time.monotonic() - start) / seconds,
        ):
            found = {"updates": updates, "tokens": tokens}
        print(json.dumps([found]))
        return
    wanted = [int(one) for one in lengths]
    saved = Saved(folder / f"peer-{name}-{length}-{wanted[-1]}.pt", model, optimizer)
    made, seen, found = saved.restore()
    for updates, tokens in train(
        model, optimizer, rate, batches(*data, made), lambda n: n / wanted[-1], made, seen
    ):
        if updates in wanted:
            texts = translate(model, rows(test, "source_ids"), processor)
            flat = [" ".join(text.split()) for text in texts]
            found.append({"updates": updates, "tokens": tokens, "hypotheses": flat})
        if updates % SAVED_EVERY == 0 or updates in wanted:
            saved.save(updates, tokens, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
