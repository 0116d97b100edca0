"""ParsedProgram texts once, and writing on from any place in them.

- One pass over a text gives a prediction at every character of it, and the keys and
  values that any continuation needs: a continuation from the middle reads the beginning
  of what the whole text has left behind.
- `Cache` holds what was read, and what *branches* have written since. The branches of a
  text share its keys and values; nothing is copied, and nothing read twice.
- `write` continues all branches together, one character each a turn; ended ones leave.
- Chance comes from outside, one number a character, so a draw depends on neither the
  batch nor the order in which texts are written.

Papers: Pope et al. (2023) for the cache; Leviathan et al. (2023) for a draft that one
pass checks. Chapter 4 shows the cache, chapter 5 the branches.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

ROOM = 8  # characters that a branch gets room for at a time
NEVER = -2  # as the character that ends a text: none does
ANY = -1  # as the character before it: whichever


class KVCache:
    """Keys and values of P texts that were read, and of n branches that go on from them.

    A fresh cache reads: each `model(tokens, cache)` with `tokens` (p, t) adds p texts.
    After `branch`, `model(tokens, cache)` with `tokens` (n, 1) adds a character to each
    branch.
    """

    def __init__(self, model):
        self.device, self.branching = model.head.weight.device, False
        layers, self.heads = range(model.config.n_layer), model.config.n_head
        self.keys = [[] for _ in layers]  # per layer and reading: (p, H, t, D)
        self.values = [[] for _ in layers]

    def branch(self, texts, cuts):
        """Go on from texts number `texts` (n,), ascending, after their first `cuts`
        (n,) characters."""
        self.branching, self.written, self.cuts = True, 0, cuts
        alive = texts.unique()
        self.texts = torch.searchsorted(alive, texts)
        self.values = [_gather(parts, alive) for parts in self.values]  # (P H, T, D)
        self.keys = [_gather(parts, alive) for parts in self.keys]
        self.keys = [k.transpose(1, 2).contiguous() for k in self.keys]  # (P H, D, T)
        self.own_keys = [None] * len(self.keys)  # per layer: (n, H, room, D)
        self.own_values = [None] * len(self.keys)
        self.shape = (len(alive), 0, self.values[0].shape[1])
        self._place()

    def positions(self, T):
        """Where the next T characters stand: (T,) while reading, else (n, 1)."""
        if not self.branching:
            return torch.arange(T, device=self.device)
        return (self.cuts + self.written)[:, None]

    def attend(self, layer, q, k, v):
        """Store k and v; what the queries find: (B, H, T, D), as all arguments."""
        if not self.branching:
            self.keys[layer].append(k)
            self.values[layer].append(v)
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
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
        return side.index_copy_(0, self.spots, x.reshape(-1, K)).view(P * H, R, K)

    def _collect(self, x):
        """And back: (P H, R, K) to (n, H, K)."""
        K = x.shape[2]
        return x.view(-1, K).index_select(0, self.spots).view(-1, self.heads, K)

    def keep(self, rows):
        """Go on with the branches `rows`, numbers in ascending order."""
        self.texts, self.cuts = self.texts[rows], self.cuts[rows]
        for own in (self.own_keys, self.own_values):
            own[:] = [x[rows] for x in own]
        self._place()

    def _place(self):
        """Give every branch a slot beside the others of its text.

        Texts without a branch are forgotten when they are more than half: moving keys
        costs time, and so does carrying the unused along.
        """
        alive, dense, count = torch.unique_consecutive(
            self.texts, return_inverse=True, return_counts=True
        )
        P, T, heads = self.shape[0], self.shape[2], torch.arange(self.heads)
        heads = heads.to(self.device)
        if len(alive) < 0.5 * P:
            rows = (alive[:, None] * self.heads + heads).flatten()
            self.keys = [k[rows] for k in self.keys]
            self.values = [v[rows] for v in self.values]
            P, self.texts = len(alive), dense
        R = int(count.max())
        self.shape = (P, R, T)
        first = (count.cumsum(0) - count)[dense]  # (n,) first branch of the same text
        slot = torch.arange(len(dense), device=self.device) - first  # (n,)
        spots = (self.texts[:, None] * self.heads + heads) * R + slot[:, None]
        self.spots = spots.flatten()  # (n H,) places in (P, H, R)
        unseen = torch.arange(T, device=self.device) >= self.cuts[:, None]  # (n, T)
        hidden = torch.zeros(unseen.shape, device=self.device, dtype=self.keys[0].dtype)
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


def sample_next_token(logits, chance=None):
    """A character for each row of logits (…, V): the likeliest, or a draw.

    Args: chance: (…) numbers in [0, 1), each worth a draw from the softmax at
    temperature 1; the likeliest where it is negative, and everywhere if it is None.
    """
    likeliest = logits.argmax(-1)
    if chance is None:
        return likeliest
    up_to = logits.softmax(-1).cumsum(-1)  # (…, V)
    drawn = (up_to < chance[..., None] * up_to[..., -1:]).sum(-1)
    return torch.where(chance < 0, likeliest, drawn)


@torch.no_grad()
def write(model, cache, tokens, room, stop, chance=None):
    """Write on from where `cache` branches, until every branch has ended.

    Args:
        tokens: (n,) the first character of each branch, chosen already.
        room: (n,) how many more each may write.
        stop: (n, 2) characters (a, b); b right after a ends the branch. a may be `ANY`,
            b may be `NEVER`.
        chance: (n, most room) as `choose` selections it, or None.
    Returns: (n, turns) what they wrote after `tokens`; -1 where nothing.
    """
    rows = torch.arange(
        len(tokens), device=tokens.device
    )  # of those still in the batch
    going = torch.ones_like(rows, dtype=torch.bool)
    found = tokens.new_full((len(tokens), int(room.max())), -1)
    for turn in range(found.shape[1]):
        logits = model(tokens[:, None], cache)[:, 0]  # (n, V)
        cache.written += 1
        before = tokens
        tokens = sample_next_token(
            logits, None if chance is None else chance[rows, turn]
        )
        found[rows, turn] = torch.where(going, tokens, -1)
        a, b = stop[rows].unbind(1)
        ended = (tokens == b) & ((a == ANY) | (before == a))
        going &= ~ended & (turn + 1 < room[rows])
        alive = going.nonzero()[:, 0]
        if not len(alive):
            break
        if len(alive) < 0.9 * len(rows):
            rows, tokens, going = rows[alive], tokens[alive], going[alive]
            cache.keep(alive)
    return found[:, : turn + 1]


@torch.no_grad()
def generate(model, prompts, new, stop=None, generator=None) -> list[torch.Tensor]:
    """Continue each prompt by up to `new` characters.

    Args:
        prompts: list of 1-D integer tensors, at least one character each.
        new: how many characters, one number or one per prompt; cut at the context.
        stop: two characters (a, b) that end a text when b follows a, such as the blank
            line; the prompt's last character counts as a first a; with a = None any b
            ends it. None: always `new` characters.
        generator: draws from the softmax at temperature 1; None selections the likeliest.
    Returns: list of 1-D tensors, the new characters alone, the final b included.
    """
    device = model.head.weight.device
    n = len(prompts)
    lengths = torch.tensor([len(p) for p in prompts], device=device)  # (n,)
    room = torch.as_tensor(new, device=device).expand(n)
    room = torch.minimum(room, model.config.block_size - lengths)
    a, b = (ANY, NEVER) if stop is None else stop
    stop = torch.tensor([[ANY if a is None else a, b]], device=device).expand(n, 2)
    chance = None
    if generator is not None:
        chance = torch.rand((n, max(int(room.max()), 0)), generator=generator)
        chance = chance.to(device)
    padded = torch.nn.utils.rnn.pad_sequence(
        [p.long() for p in prompts], batch_first=True
    ).to(device)  # (n, T)
    cache, rows = KVCache(model), torch.arange(n, device=device)
    logits = model(padded, cache)[rows, lengths - 1]  # (n, V)
    first = sample_next_token(logits, None if chance is None else chance[:, 0])
    last = padded[rows, lengths - 1]
    ended = (first == stop[:, 1]) & ((stop[:, 0] == ANY) | (last == stop[:, 0]))
    on = (~ended & (room > 1)).nonzero()[:, 0]
    found = torch.full((n, 1), -1, device=device)
    found[:, 0] = torch.where(room > 0, first, -1)
    if len(on):
        cache.branch(on, lengths[on])
        then = write(
            model,
            cache,
            first[on],
            room[on] - 1,
            stop[on],
            None if chance is None else chance[on, 1:],
        )
        more = torch.full((n, then.shape[1]), -1, device=device)
        more[on] = then
        found = torch.cat([found, more], 1)
    return [row[row >= 0] for row in found.cpu()]
