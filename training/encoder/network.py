"""The encoder's network: a small BERT with a pool of attention for every label, and its base weights."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.labels import LABELS
from classifier.model.wordpiece import WordPiece

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the base weights (all-MiniLM-L6-v2, Apache 2.0) as their authors publish them."""


class Block(nn.Module):
    """One transformer layer with BERT's names for its weights."""

    def __init__(self, width: int, inner: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.attention_out, self.attention_norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.up, self.down, self.norm = nn.Linear(width, inner), nn.Linear(inner, width), nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(batch, n, width) -> the same; `bias` (batch, 1, 1, n) is very negative where there is padding."""
        b, n, w = x.shape
        q, k, v = (
            f(x).view(b, n, self.heads, w // self.heads).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(w // self.heads) + bias, -1)
        mixed = (self.dropout(weights) @ v).transpose(1, 2).reshape(b, n, w)
        x = self.attention_norm(x + self.dropout(self.attention_out(mixed)))
        return self.norm(x + self.dropout(self.down(functional.gelu(self.up(x)))))


class EncoderNetwork(nn.Module):
    """Words in, six logits and a score of every piece for every label out: attention pooling per label."""

    def __init__(self, pieces: int, *, width: int = 384, inner: int = 1536, layers: int = 6, heads: int = 12,
                 dropout: float = 0.1, longest: int = 512) -> None:  # fmt: skip
        super().__init__()
        self.word = nn.Embedding(pieces, width)
        self.position = nn.Embedding(longest, width)
        self.kind = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.blocks = nn.ModuleList(Block(width, inner, heads, dropout) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.relevance = nn.Linear(width, len(LABELS))
        self.content = nn.Linear(width, len(LABELS))
        self.bias = nn.Parameter(torch.zeros(len(LABELS)))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """ids, mask (batch, n) int64 -> logits (batch, 6), relevance (batch, n, 6)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.dropout(self.norm(self.word(ids) + self.position(places)[None] + self.kind))
        bias = (1.0 - mask.to(x.dtype))[:, None, None, :] * -1e4
        for block in self.blocks:
            x = block(x, bias)
        relevance = self.relevance(x)
        attention = torch.softmax(relevance + (1.0 - mask.to(x.dtype))[..., None] * -1e4, 1)
        return (attention * self.content(x)).sum(1) + self.bias, relevance


def load_base(model: EncoderNetwork, folder: Path, kept: Sequence[int]) -> None:
    """Fill the model with the base weights; `kept` are the numbers of the base pieces that stay."""
    from safetensors.torch import load_file

    file = folder / "model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != BASE_SHA256:
        raise ValueError(f"{file}: SHA-256 {digest} is not the authors' {BASE_SHA256}")
    base = load_file(str(file))
    state = model.state_dict()
    state["word.weight"] = base["embeddings.word_embeddings.weight"][list(kept)]
    state["position.weight"] = base["embeddings.position_embeddings.weight"]
    state["kind"] = base["embeddings.token_type_embeddings.weight"][0]
    names = {"norm": "embeddings.LayerNorm"}
    for i in range(len(model.blocks)):
        here = f"encoder.layer.{i}"
        for own, theirs in (("query", "attention.self.query"), ("key", "attention.self.key"),
                            ("value", "attention.self.value"), ("attention_out", "attention.output.dense"),
                            ("attention_norm", "attention.output.LayerNorm"), ("up", "intermediate.dense"),
                            ("down", "output.dense"), ("norm", "output.LayerNorm")):  # fmt: skip
            names[f"blocks.{i}.{own}"] = f"{here}.{theirs}"
    for own, theirs in names.items():
        for part in ("weight", "bias"):
            state[f"{own}.{part}"] = base[f"{theirs}.{part}"]
    model.load_state_dict(state)


def count_layers(state: Mapping[str, Tensor]) -> int:
    """How many layers saved weights have."""
    return 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))


def with_layers(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The weights of a network with so many layers, spread evenly over those of `state`, the last one among them."""
    there = count_layers(state)
    if layers > there:
        raise ValueError(f"{layers} layers asked of weights that have {there}")
    chosen = [((n + 1) * there) // layers - 1 for n in range(layers)]
    smaller = {name: tensor for name, tensor in state.items() if not name.startswith("blocks.")}
    for new, old in enumerate(chosen):
        here = f"blocks.{old}."
        smaller |= {f"blocks.{new}.{n.removeprefix(here)}": t for n, t in state.items() if n.startswith(here)}
    return smaller


def pruned(model: EncoderNetwork, pieces: WordPiece, words: Iterable[str]) -> tuple[EncoderNetwork, WordPiece]:
    """The same network over the pieces alone that the words need, with all single characters: a smaller file, the same
    scores of texts in these words."""
    used = {i for word in words for i in pieces.ids(word)}
    short = {i for i, piece in enumerate(pieces.pieces) if len(piece.removeprefix("##")) <= 2}
    special = [pieces.pad, pieces.unknown, pieces.first, pieces.last]
    kept = [*special, *sorted((used | short) - set(special))]
    state = dict(model.state_dict())
    state["word.weight"] = state["word.weight"][kept]
    smaller = EncoderNetwork(len(kept), layers=len(model.blocks))
    smaller.load_state_dict(state)
    return smaller.eval(), WordPiece([pieces.pieces[i] for i in kept])


def keep_pieces(folder: Path, texts: Sequence[Sequence[str]]) -> tuple[list[int], list[str]]:
    """The base pieces that the words of `texts` need, with all single characters: (their numbers, the pieces)."""
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    whole = WordPiece(pieces)
    used = {i for word in {w for t in texts for w in t} for i in whole.ids(word)}
    ascii_piece = [i for i, p in enumerate(pieces) if p.isascii() and len(p.removeprefix("##")) <= 2]
    special = [pieces.index(p) for p in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")]
    common = [i for i, p in enumerate(pieces[:9000]) if i > 1996 and p.isascii()]
    kept = [*special, *sorted({*used, *ascii_piece, *common} - set(special))]
    return kept, [pieces[i] for i in kept]
