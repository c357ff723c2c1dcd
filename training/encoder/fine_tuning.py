"""Fine-tune a small sentence encoder to the six labels, with the evidence as supervision of each word.

Needs the extra `encoder` (torch, onnx and the package that carries the base weights). Run it as
`python -m training encoder`; what it writes is what `classifier/model/encoder.py` serves.
"""

import hashlib
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.labels import LABELS
from classifier.model.wordpiece import WordPiece
from training.encoder.examples import EncoderRecipe, Example, Source, examples, source
from training.encoder.network import (
    BASE_SHA256,
    EncoderNetwork,
    count_layers,
    keep_pieces,
    load_base,
    pruned,
    with_layers,
)

__all__ = ["EncoderRecipe", "Example", "Source", "examples", "export", "logits", "source", "train"]

WEIGHTS, WHOLE_PIECES = "weights.pt", "weights.txt"
"""What a later run goes on from: the weights, and the pieces that belong to them."""

TRAINED_ON = "the train part of data/splits.toml; never the tune or test part"
_KEPT_EVERY = 200
"""Steps between two checkpoints."""


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
    sources: Sequence[Source],
    base: Path,
    recipe: EncoderRecipe,
    *,
    start: Path | None = None,
    teacher: Path | None = None,
    checkpoint: Path | None = None,
    say: Any = print,
) -> tuple[EncoderNetwork, WordPiece]:
    """The fitted encoder and its pieces: from the base weights, or on from an earlier run's folder `start`; with fewer
    layers than that run, from layers spread evenly over it. A `teacher`, the folder of a run over the same pieces,
    scores every example too, and the encoder learns its scores beside the labels. With `checkpoint` the weights are
    written there every few hundred steps. Deterministic for one torch build and thread count."""
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    model, pieces = _begin(sources, base, recipe, start)
    learned_from = _teacher(teacher, pieces) if teacher else None
    heads = [p for n, p in model.named_parameters() if n.startswith(("relevance", "content", "bias"))]
    body = [p for n, p in model.named_parameters() if not n.startswith(("relevance", "content", "bias"))]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": recipe.rate}, {"params": heads, "lr": recipe.head_rate}], weight_decay=0.01
    )
    epoch_steps = math.ceil(sum(one.whole for one in sources) * recipe.passages_a_draft / recipe.batch)
    steps = recipe.epochs * epoch_steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1.0, (s + 1) / (0.06 * steps)) * max(0.02, 1 - s / steps)
    )
    step = 0
    for epoch in range(recipe.epochs):
        model.train()
        for ids, mask, labels, marks in _batches(examples(sources, recipe, rng), pieces, recipe, rng):
            loss = _loss(model, learned_from, pieces, recipe, ids, mask, labels, marks)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            if step % 20 == 0:
                say(f"epoch {epoch + 1} step {step}/{steps} loss {loss.item():.4f}")
            if checkpoint and step % _KEPT_EVERY == 0:
                _keep(model, pieces, checkpoint)
    return model.eval(), pieces


def _loss(
    model: EncoderNetwork, teacher: EncoderNetwork | None, pieces: WordPiece, recipe: EncoderRecipe, ids: Tensor,
    mask: Tensor, labels: Tensor, marks: Tensor,
) -> Tensor:  # fmt: skip
    """Cross entropy of the labels, and of each word's relevance; the forward pass in bfloat16. With a teacher its
    probabilities stand for `teacher_share` of both targets."""
    target = labels * (1 - 2 * recipe.smoothing) + recipe.smoothing
    weight = 1.0 + 2.0 * marks
    relevant = marks
    if teacher is not None:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            seen, words = teacher(ids, mask)
        share = recipe.teacher_share
        target = (1 - share) * target + share * torch.sigmoid(seen.float())
        relevant = (1 - share) * marks + share * torch.sigmoid(words.float())
    ids = torch.where((torch.rand(ids.shape) < recipe.unknown_share) & (mask == 1), pieces.unknown, ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, relevance = model(ids, mask)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), target)
    by_word = functional.binary_cross_entropy_with_logits(relevance.float(), relevant, weight, reduction="none")
    return loss + recipe.evidence_weight * (by_word.mean(-1) * mask).sum() / mask.sum()


def _keep(model: EncoderNetwork, pieces: WordPiece, folder: Path) -> None:
    """Weights and pieces as `start` reads them, whole at any moment."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / f".{WEIGHTS}")
    (folder / f".{WEIGHTS}").rename(folder / WEIGHTS)
    (folder / WHOLE_PIECES).write_text("\n".join(pieces.pieces) + "\n", encoding="utf-8")


def _begin(
    sources: Sequence[Source], base: Path, recipe: EncoderRecipe, start: Path | None
) -> tuple[EncoderNetwork, WordPiece]:
    if start is None:
        kept, names = keep_pieces(base, [one.words for one in sources])
        model = EncoderNetwork(len(names), layers=recipe.layers, dropout=recipe.dropout)
        load_base(model, base, kept)
        return model, WordPiece(names)
    state, pieces = _saved(start)
    model = EncoderNetwork(len(pieces.pieces), layers=recipe.layers, dropout=recipe.dropout)
    model.load_state_dict(with_layers(state, recipe.layers))
    return model, pieces


def _saved(folder: Path) -> tuple[dict[str, Tensor], WordPiece]:
    """The weights and pieces of an earlier run."""
    return torch.load(folder / WEIGHTS, weights_only=True), WordPiece.load(folder, WHOLE_PIECES)


def _teacher(folder: Path, pieces: WordPiece) -> EncoderNetwork:
    state, own = _saved(folder)
    if own.pieces != pieces.pieces:
        raise ValueError(f"{folder}: the teacher reads other pieces than the encoder that learns from it")
    model = EncoderNetwork(len(own.pieces), layers=count_layers(state))
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
def logits(model: EncoderNetwork, pieces: WordPiece, texts: Sequence[Sequence[str]], longest: int) -> np.ndarray:
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


def export(
    model: EncoderNetwork, pieces: WordPiece, recipe: EncoderRecipe, folder: Path, *, start: Path | None = None,
    words: Iterable[str] | None = None,
) -> Path:  # fmt: skip
    """Write encoder.onnx (int8 weights), pieces.txt and encoder.json into the folder, and beside them the weights and
    pieces that a later run can go on from, which nobody serves; returns the ONNX file. With `words`, pieces that none
    of them needs are left out of what is served."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / WEIGHTS)
    (folder / WHOLE_PIECES).write_text("\n".join(pieces.pieces) + "\n", encoding="utf-8")
    if words is not None:
        model, pieces = pruned(model, pieces, words)
    whole, small = folder / "whole.onnx", folder / "encoder.onnx"
    ids = torch.tensor([[pieces.first, 5, 6, pieces.last]])
    torch.onnx.export(
        model, (ids, torch.ones_like(ids)), str(whole), input_names=["ids", "mask"],
        output_names=["logits", "relevance"], opset_version=17, dynamo=False,
        dynamic_axes={name: {0: "batch", 1: "n"} for name in ("ids", "mask", "relevance")},
    )  # fmt: skip
    quantize_dynamic(whole, small, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False)
    whole.unlink()
    _without_notes(small)
    (folder / "pieces.txt").write_text("\n".join(pieces.pieces) + "\n", encoding="utf-8")
    about = {"base": "all-MiniLM-L6-v2", "base_sha256": BASE_SHA256, "licence": "Apache-2.0",
             "recipes": [*_earlier(start), asdict(recipe)],
             "sha256": hashlib.sha256(small.read_bytes()).hexdigest(), "labels": list(map(str, LABELS)),
             "trained_on": TRAINED_ON}  # fmt: skip
    (folder / "encoder.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return small


def _earlier(start: Path | None) -> list[dict[str, Any]]:
    """The recipes of the runs that this one went on from."""
    if start is None:
        return []
    recipes: list[dict[str, Any]] = json.loads((start / "encoder.json").read_text(encoding="utf-8"))["recipes"]
    return recipes


def _without_notes(file: Path) -> None:
    """Drop the notes on where each node was traced: they name folders of the machine that made the file."""
    import onnx

    model = onnx.load(str(file))
    for node in model.graph.node:
        node.doc_string = ""
    onnx.save(model, str(file))
