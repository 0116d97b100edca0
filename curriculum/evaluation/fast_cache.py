"""A key-value cache that branches: many continuations from the middle of texts read once.

- `fast` reads the true texts, each pass into a `KVCache`. A *branch* goes on from
  the first `cut` characters of one of them, with characters of its own.
- The branches of a text share its keys and values; nothing is copied or read twice. Their
  queries lie side by side, so that one matrix product serves all of them.
- `write` continues all branches together, one character each a step; ended ones leave.

Papers: Pope et al. (2023) for the cache, Leviathan et al. (2023) for the draft.
"""

from __future__ import annotations

import math

import torch

from .generate import sample_next_token

ROOM = 8  # characters that a branch gets room for at a time
NEVER = -2  # as the character that ends a text: none does
ANY = -1  # as the character before it: whichever


class BranchCache:
    """Keys and values of P texts that were read, and of n branches that go on from them.

    Args:
        read: list of `KVCache`; the texts in them are numbered through.
        texts: (n,) number of the text that each branch goes on from, ascending.
        cuts: (n,) how many of its characters the branch keeps.
    """

    def __init__(self, model, read, texts, cuts):
        self.model, self.heads = model, model.config.n_head
        self.cuts, self.written = cuts, 0
        alive = texts.unique()
        self.texts = torch.searchsorted(alive, texts)
        layers = range(model.config.n_layer)
        self.keys = [_gather([c.keys[i] for c in read], alive) for i in layers]
        self.values = [_gather([c.values[i] for c in read], alive) for i in layers]
        self.keys = [k.transpose(1, 2).contiguous() for k in self.keys]
        # per layer now: keys (P H, D, T), values (P H, T, D)
        self.own_keys = [None] * len(self.keys)  # per layer: (n, H, room, D)
        self.own_values = [None] * len(self.keys)
        self.shape = (len(alive), 0, self.values[0].shape[1])
        self._place()

    def logits(self, tokens):
        """Add a token to each branch, `tokens` (n,); returns what may follow, (n, V)."""
        model = self.model  # the forward pass of `model.GPT` with this cache
        at = (self.cuts + self.written)[:, None]  # (n, 1)
        at = at.clamp(max=model.config.block_size - 1)  # of branches yet to be dropped
        x = model.characters(tokens[:, None]) + model.positions(at)  # (n, 1, C)
        for layer, block in enumerate(model.blocks):
            q, k, v = block.attention.project(block.norm1(x))  # each (n, H, 1, D)
            y = self._attend(layer, q, k, v).transpose(1, 2).reshape(x.shape)
            x = x + block.attention.out(y)  # (n, 1, C)
            x = x + block.mlp(block.norm2(x))  # (n, 1, C)
        self.written += 1
        return model.head(model.norm(x))[:, 0]

    def keep(self, rows):
        """Go on with the branches `rows`, numbers in ascending order."""
        self.texts, self.cuts = self.texts[rows], self.cuts[rows]
        for own in (self.own_keys, self.own_values):
            own[:] = [x[rows] for x in own]
        self._place()

    def _attend(self, layer, q, k, v):
        """Store k and v; what the queries find: (n, H, 1, D), as all arguments."""
        self._store(layer, k, v)
        T, S = self.keys[layer].shape[2], self.written + 1
        q = q[:, :, 0] / math.sqrt(q.shape[-1])  # (n, H, D)
        # the branches of a text side by side: one product with the keys they share
        read = self._collect(self._side_by_side(q) @ self.keys[layer])  # (n, H, T)
        own_k = self.own_keys[layer][:, :, :S]  # (n, H, S, D)
        own_v = self.own_values[layer][:, :, :S]
        own = (own_k @ q[..., None])[..., 0]  # (n, H, S)
        weights = torch.cat([read + self.hidden, own], -1).softmax(-1)  # (n, H, T + S)
        read, own = weights.split([T, S], -1)
        y = self._collect(self._side_by_side(read) @ self.values[layer])  # (n, H, D)
        return (y + (own[..., None] * own_v).sum(2))[:, :, None]

    def _side_by_side(self, x):
        """(n, H, K) to (P H, R, K), R slots for the branches of a text."""
        P, R, _ = self.shape
        n, H, K = x.shape
        side = x.new_zeros((P * H * R, K))
        return side.index_copy_(0, self.slots, x.reshape(-1, K)).view(P * H, R, K)

    def _collect(self, x):
        """And back: (P H, R, K) to (n, H, K)."""
        K = x.shape[2]
        return x.view(-1, K).index_select(0, self.slots).view(-1, self.heads, K)

    def _place(self):
        """Give every branch a slot beside the others of its text.

        Texts without a branch are dropped once they are more than half: copying the rest
        costs time, and so does computing with texts that nobody needs.
        """
        alive, dense, count = torch.unique_consecutive(
            self.texts, return_inverse=True, return_counts=True
        )
        P, T, device = self.shape[0], self.shape[2], self.cuts.device
        heads = torch.arange(self.heads, device=device)
        if len(alive) < 0.5 * P:
            rows = (alive[:, None] * self.heads + heads).flatten()
            self.keys = [k[rows] for k in self.keys]
            self.values = [v[rows] for v in self.values]
            P, self.texts = len(alive), dense
        R = int(count.max())
        self.shape = (P, R, T)
        first = (count.cumsum(0) - count)[dense]  # (n,) first branch of the same text
        slot = torch.arange(len(dense), device=device) - first  # (n,)
        slots = (self.texts[:, None] * self.heads + heads) * R + slot[:, None]
        self.slots = slots.flatten()  # (n H,) places in (P, H, R)
        unseen = torch.arange(T, device=device) >= self.cuts[:, None]  # (n, T)
        hidden = torch.zeros(unseen.shape, device=device, dtype=self.keys[0].dtype)
        self.hidden = hidden.masked_fill_(unseen, -math.inf)[:, None]  # (n, 1, T)

    def _store(self, layer, k, v):
        for own, new in ((self.own_keys, k), (self.own_values, v)):
            if self.written % ROOM == 0:  # no room left
                n, H, _, D = new.shape
                larger = new.new_empty((n, H, self.written + ROOM, D))
                if self.written:
                    larger[:, :, : self.written] = own[layer]
                own[layer] = larger
            own[layer][:, :, self.written] = new[:, :, 0]


def _gather(parts, texts):
    """Texts `texts` (P,), ascending, of parts (p, H, t, D): (P H, longest t, D)."""
    ends = torch.tensor([len(part) for part in parts]).cumsum(0)
    T, (_, H, _, D) = max(part.shape[2] for part in parts), parts[0].shape
    found = parts[0].new_zeros((len(texts), H, T, D))
    done = 0
    for part, end in zip(parts, ends.tolist(), strict=True):
        own = texts[(texts >= end - len(part)) & (texts < end)] - (end - len(part))
        found[done : done + len(own), :, : part.shape[2]] = part[own]
        done += len(own)
    return found.flatten(0, 1)


@torch.no_grad()
def write(branches: BranchCache, tokens, room, stop, u=None):
    """Write on until every branch has ended.

    Args:
        tokens: (n,) the first character of each branch, chosen already.
        room: (n,) how many more each may write, at least 1.
        stop: (n, 2) characters (a, b); b right after a ends the branch. a may be `ANY`,
            b may be `NEVER`.
        u: (n, most room) as `sample_next_token` takes it, or None.
    Returns: (n, steps) what they wrote after `tokens`; -1 where nothing.
    """
    rows = torch.arange(
        len(tokens), device=tokens.device
    )  # of those still in the batch
    going = torch.ones_like(rows, dtype=torch.bool)
    found = tokens.new_full((len(tokens), int(room.max())), -1)
    for step in range(found.shape[1]):
        before = tokens
        logits = branches.logits(tokens)  # (n, V)
        tokens = sample_next_token(logits, None if u is None else u[rows, step])
        found[rows, step] = torch.where(going, tokens, -1)
        a, b = stop[rows].unbind(1)
        ended = (tokens == b) & ((a == ANY) | (before == a))
        going &= ~ended & (step + 1 < room[rows])
        alive = going.nonzero()[:, 0]
        if not len(alive):
            break
        if len(alive) < 0.9 * len(rows):
            rows, tokens, going = rows[alive], tokens[alive], going[alive]
            branches.keep(alive)
    return found[:, : step + 1]
