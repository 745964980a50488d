"""What CTranslate2 makes of token sequences: run by the translators' interpreter.

`translate_peer.py MODEL SOURCES.npz OUTPUTS.npz [options]`. MODEL is what `electra export --format
ctranslate2` writes. SOURCES has the ids of all sources, each ending with the end mark, end to end
in `source_ids`, and in `source_ids_offsets` where they begin. OUTPUTS becomes the same under
`target_ids`, and `scores`, sums of log-probabilities. The last line is one line of JSON: the
seconds that the translation took, without loading and a first small batch, and the tokens of the
outputs, end marks included.

Nothing here is held back: batches are sorted by length, as the library does by itself, and matrix
products are those that it would choose.
"""

import argparse
import json
import pathlib
import time

import ctranslate2
import numpy as np

PAD, UNK, BOS, EOS, MASK = range(5)
WARM_ROWS = 32


def pieces(folder, side):
    """The piece of each id."""
    for name in (f"{side}_vocabulary.json", "shared_vocabulary.json"):
        if (folder / name).exists():
            return json.loads((folder / name).read_text(encoding="utf-8"))
    raise SystemExit(f"{folder}: has no vocabulary")


def loaded(folder, options):
    """The translator. A shortlist is laid into the folder as the library sees it."""
    files = None
    if options.shortlist:
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        files["vmap.txt"] = pathlib.Path(options.shortlist).read_bytes()
    return ctranslate2.Translator(
        str(folder),
        device="cpu",
        compute_type=options.compute_type,
        inter_threads=options.inter_threads,
        intra_threads=options.intra_threads,
        files=files,
    )


def bounds(lengths, card, kind):
    """(rows, most tokens of their outputs), end mark included: one bound for all, or as our search
    has it, one for each width that sources are padded to."""
    longest = card["model"]["max_length"]
    if kind == "model":
        return [(np.arange(len(lengths)), longest)]
    most = card["buckets"][-1]
    steps = [*range(4, 64, 4), *range(64, most, 16)]
    buckets = np.array([*(step for step in steps if step < most), most])
    of_row = np.minimum(np.searchsorted(buckets, lengths), len(buckets) - 1)
    return [
        (np.flatnonzero(of_row == index), min(longest, length + length // 2 + 10))
        for index, length in enumerate(buckets.tolist())
    ]


def translate(translator, sources, groups, options, names):
    """Hypotheses and scores, in order, and the seconds."""
    never = [[names[number]] for number in (PAD, BOS, MASK)]
    if options.shortlist:  # which has no other marks in it
        never = [[names[BOS]]]
    outputs, scores = [None] * len(sources), np.zeros(len(sources), np.float32)
    start = time.monotonic()
    for rows, limit in groups:
        if not len(rows):
            continue
        found = translator.translate_batch(
            [sources[row] for row in rows],
            max_batch_size=options.batch,
            batch_type=options.batch_type,
            beam_size=options.beam,
            length_penalty=options.length_penalty,
            disable_unk=True,
            suppress_sequences=never,
            max_decoding_length=limit - 1,
            max_input_length=0,
            use_vmap=bool(options.shortlist),
            return_scores=True,
        )
        for row, result in zip(rows, found, strict=True):
            outputs[row], scores[row] = result.hypotheses[0], result.scores[0]
    return outputs, scores, time.monotonic() - start


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("sources")
    parser.add_argument("outputs")
    parser.add_argument("--beam", type=int, default=1, help="1 is greedy")
    parser.add_argument("--length-penalty", type=float, default=0.0)
    parser.add_argument("--compute-type", default="float32", choices=["float32", "int8"])
    parser.add_argument("--inter-threads", type=int, default=1, help="translators at a time")
    parser.add_argument("--intra-threads", type=int, default=1, help="threads of each")
    parser.add_argument("--batch", type=int, default=2048, help="most of a batch")
    parser.add_argument("--batch-type", default="tokens", choices=["tokens", "examples"])
    parser.add_argument("--bounds", default="model", choices=["model", "buckets"])
    parser.add_argument("--shortlist", help="a vmap.txt: source piece, tab, target pieces")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Translates, writes, prints."""
    options = parsed(arguments)
    folder = pathlib.Path(options.model)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    arrays = np.load(options.sources)
    offsets = arrays["source_ids_offsets"]
    longest = int(np.diff(offsets).max())
    if longest > card["buckets"][-1]:
        raise SystemExit(f"{options.sources}: a source of {longest} tokens is too long")
    sides = pieces(folder, "source"), pieces(folder, "target")
    ids = np.split(arrays["source_ids"].astype(np.int64), offsets[1:-1])
    # The library adds the end mark.
    sources = [[sides[0][number] for number in row.tolist() if number != EOS] for row in ids]
    start = time.monotonic()
    translator = loaded(folder, options)
    load_seconds = time.monotonic() - start
    first = np.arange(min(WARM_ROWS, len(sources)))
    most = card["model"]["max_length"]
    translate(translator, sources, [(first, most)], options, sides[1])
    groups = bounds(np.diff(offsets), card, options.bounds)
    outputs, scores, seconds = translate(translator, sources, groups, options, sides[1])
    number_of = {piece: number for number, piece in enumerate(sides[1])}
    rows = [np.array([*(number_of[piece] for piece in row), EOS], np.int32) for row in outputs]
    ends = np.cumsum([0, *map(len, rows)])
    np.savez(
        options.outputs, target_ids=np.concatenate(rows), target_ids_offsets=ends, scores=scores
    )
    facts = {"seconds": seconds, "tokens": int(ends[-1]), "load_seconds": load_seconds}
    print(json.dumps(facts | {"version": ctranslate2.__version__, "sentences": len(rows)}))


if __name__ == "__main__":
    main()
