"""The network, and what flows through it, in plain loops: to compare with."""

import functools

import numpy as np


def softmax(x):
    exponentials = np.exp(x - np.max(x))
    return exponentials / exponentials.sum()


class SlowNetwork:
    """The network for one sentence in plain loops, float64, from the weights alone.

    Notes the scores, and the norms of what each position takes from each, of every attention.
    """

    def __init__(self, model):
        self.weights = {
            weight.path: np.asarray(weight, np.float64) for weight in model.trainable_variables
        }
        self.layers, self.heads, self.norm = model.num_layers, model.num_heads, model.norm
        self.d_model = model.d_model
        self.scores, self.norms = {}, {}

    def of(self, path):
        return self.weights[path]

    def dense(self, path, x):
        return x @ self.of(f"{path}/kernel") + self.of(f"{path}/bias")

    def normalise(self, path, x):
        spread = np.sqrt(np.mean((x - x.mean()) ** 2) + 1e-6)
        return (x - x.mean()) / spread * self.of(f"{path}/gamma") + self.of(f"{path}/beta")

    def embed(self, table, token_ids):
        half = self.d_model // 2
        rows = []
        for position, token in enumerate(token_ids):
            angles = [position / 10000 ** (i / half) for i in range(half)]
            places = np.concatenate([np.sin(angles), np.cos(angles)])
            rows.append(self.of(table)[token] * np.sqrt(self.d_model) + places)
        return rows

    def attend(self, path, queries, memory, causal):
        """Attention position by position, head by head."""
        width = self.d_model // self.heads
        kernel, bias = self.of(f"{path}/key_value/kernel"), self.of(f"{path}/key_value/bias")
        outputs, scores, norms = [], [], []
        for i, query in enumerate(queries):
            q = self.dense(f"{path}/query", query)
            seen = range(i + 1) if causal else range(len(memory))
            taken = {j: np.zeros(self.d_model) for j in seen}
            row = np.zeros((self.heads, len(memory)))
            for head in range(self.heads):
                columns = slice(head * width, (head + 1) * width)
                keys = [memory[j] @ kernel[:, : self.d_model] + bias[: self.d_model] for j in seen]
                alpha = softmax([q[columns] @ key[columns] / np.sqrt(width) for key in keys])
                for j in seen:
                    row[head, j] = alpha[j]
                    value = memory[j] @ kernel[:, self.d_model :] + bias[self.d_model :]
                    out = self.of(f"{path}/output/kernel")[columns]
                    taken[j] = taken[j] + alpha[j] * value[columns] @ out
            outputs.append(sum(taken.values()) + self.of(f"{path}/output/bias"))
            scores.append(row)
            norms.append(
                [np.sqrt((taken[j] ** 2).sum()) if j in seen else 0.0 for j in range(len(memory))]
            )
        self.scores[path], self.norms[path] = np.stack(scores, axis=1), np.array(norms)
        return outputs

    def sub_block(self, norm, x, work):
        if self.norm == "pre":
            done = work([self.normalise(norm, row) for row in x])
            return [row + more for row, more in zip(x, done, strict=True)]
        return [self.normalise(norm, row + more) for row, more in zip(x, work(x), strict=True)]

    def feed(self, path, x):
        inner = [np.maximum(self.dense(f"{path}/inner", row), 0) for row in x]
        return [self.dense(f"{path}/outer", row) for row in inner]

    def run(self, source, target):
        x = self.embed("embedding/table", source)
        for n in range(self.layers):
            path = f"encoder/block_{n}"
            attention = f"{path}/self_attention"
            x = self.sub_block(
                f"{attention}_norm", x, functools.partial(self._self, attention, False)
            )
            x = self.sub_block(
                f"{path}/feed_forward_norm", x, functools.partial(self.feed, f"{path}/feed_forward")
            )
        memory = [self.normalise("encoder/final_norm", row) for row in x]
        x = self.embed("embedding/table", target)
        for n in range(self.layers):
            path = f"decoder/block_{n}"
            attention = f"{path}/self_attention"
            x = self.sub_block(
                f"{attention}_norm", x, functools.partial(self._self, attention, True)
            )
            cross = f"{path}/cross_attention"
            x = self.sub_block(
                f"{cross}_norm", x, lambda x, cross=cross: self.attend(cross, x, memory, False)
            )
            x = self.sub_block(
                f"{path}/feed_forward_norm", x, functools.partial(self.feed, f"{path}/feed_forward")
            )

    def _self(self, path, causal, x):
        return self.attend(path, x, x, causal)

    def share(self, path, i, j):
        """Half the mean score, and half of the position itself."""
        return 0.5 * self.scores[path][:, i, j].mean()

    def encoder_reach(self, layer, i, origin):
        """Over all ways from `origin` below the first layer up to `i` above `layer`."""
        if layer < 0:
            return float(i == origin)
        path = f"encoder/block_{layer}/self_attention"
        return 0.5 * self.encoder_reach(layer - 1, i, origin) + sum(
            self.share(path, i, j) * self.encoder_reach(layer - 1, j, origin)
            for j in range(self.scores[path].shape[-1])
        )

    def decoder_reach(self, layer, i, origin, of_source):
        """The same through the decoder, from a source position or from a target position."""
        if layer < 0:
            return 0.0 if of_source else float(i == origin)
        path, cross = (f"decoder/block_{layer}/{kind}_attention" for kind in ("self", "cross"))
        below = 0.5 * self.decoder_reach(layer - 1, i, origin, of_source) + sum(
            self.share(path, i, j) * self.decoder_reach(layer - 1, j, origin, of_source)
            for j in range(i + 1)
        )
        if not of_source:
            return 0.5 * below
        return 0.5 * below + sum(
            self.share(cross, i, j) * self.encoder_reach(self.layers - 1, j, origin)
            for j in range(self.scores[cross].shape[-1])
        )
