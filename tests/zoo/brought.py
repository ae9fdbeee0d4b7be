"""Batches of every kind, and those that are refused."""

from collections import UserDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from layercurv.curvature import BatchLoss, ModelLoss
from tests.zoo.case import Case, seeded, vectors
from tests.zoo.tasks import RELU, TANH, WEIGHT, C, labels


@dataclass
class Pair:
    x: torch.Tensor
    labels: torch.Tensor
    note: str | None = None


class Named(nn.Module):
    def __init__(self, **kw):
        super().__init__()
        self.a, self.head = nn.Linear(4, 5), nn.Linear(5, C)

    def forward(self, x, scale=None):
        z = self.head(self.a(x).tanh())
        return z if scale is None else z * scale


def by_name(model, batch):
    values = batch if hasattr(batch, "items") else vars(batch)
    inputs = {k: v for k, v in values.items() if k not in ("labels", "note")}
    return F.cross_entropy(model(**inputs), values["labels"])


def reshaped(change):
    return lambda: [change(*batch) for batch in labels()()]


class Loader:
    """Re-iterable, and nothing else."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


class Noisy(Loader):
    def __iter__(self):
        return ((x + torch.rand_like(x), y) for x, y in self.batches)


class Rotating(Loader):
    def __iter__(self):
        self.batches = self.batches[1:] + self.batches[:1]
        return iter(self.batches)


def dataset():
    x, y = (torch.cat(part) for part in zip(*labels()(), strict=True))
    return TensorDataset(x, y)


class Answering(Named):
    """Returns a dictionary, with its own loss if it is given labels."""

    def forward(self, x, labels=None):
        logits = super().forward(x)
        return {"logits": logits} | ({} if labels is None else {"loss": F.cross_entropy(logits, labels)})


NAMED, ANSWERING = seeded(Named), seeded(Answering)
CASES = [
    Case("batch/list", TANH, reshaped(lambda x, y: [x, y])),
    Case(
        "batch/inputs_in_tuple",
        TANH,
        reshaped(lambda x, y: ((x,), y)),
        own=lambda m, b: F.cross_entropy(m(*b[0]), b[1]),
    ),
    Case("batch/two_inputs", NAMED, reshaped(lambda x, y: (x, 1 + x[:, :1], y))),
    Case(
        "batch/dict_and_labels",
        NAMED,
        reshaped(lambda x, y: ({"x": x}, y)),
        own=lambda m, b: F.cross_entropy(m(**b[0]), b[1]),
    ),
    Case("batch/dict", NAMED, reshaped(lambda x, y: {"x": x, "labels": y}), own=by_name),
    Case(
        "batch/dict_labels_first",
        NAMED,
        reshaped(lambda x, y: {"labels": y, "x": x, "scale": 2 + x[:, :1]}),
        own=by_name,
    ),
    Case(
        "batch/dict_shared_axis",
        NAMED,
        reshaped(lambda x, y: {"x": x, "scale": WEIGHT[None], "labels": y}),
        own=by_name,
    ),
    Case("batch/user_dict", NAMED, reshaped(lambda x, y: UserDict(x=x, labels=y)), own=by_name),
    Case("batch/dataclass", NAMED, reshaped(lambda x, y: Pair(x, y)), own=by_name),
    Case(
        "batch/dict_by_batch_loss",
        NAMED,
        reshaped(lambda x, y: {"x": x, "labels": y}),
        BatchLoss(by_name, "mean"),
        by_name,
    ),
    Case(
        "batch/dataclass_by_batch_loss",
        NAMED,
        reshaped(lambda x, y: Pair(x, y, "a")),
        BatchLoss(by_name, "mean"),
        by_name,
    ),
    Case(
        "batch/tensor_alone",
        TANH,
        lambda: [x for x, _ in labels()()],
        BatchLoss(lambda m, b: m(b).square().mean(), "mean"),
        lambda m, b: m(b).square().mean(),
        n_samples=len,
    ),
    Case(
        "batch/counted_by_the_loss",
        TANH,
        lambda: [{"x": x, "y": y, "table": torch.ones(7)} for x, y in labels()()],
        BatchLoss(lambda m, b: F.cross_entropy(m(b["x"]), b["y"]), "mean", lambda b: len(b["y"])),
        lambda m, b: F.cross_entropy(m(b["x"]), b["y"]),
    ),
    Case(
        "batch/count_unknown",
        TANH,
        lambda: [{"x": x, "y": y, "table": torch.ones(7)} for x, y in labels()()],
        BatchLoss(lambda m, b: F.cross_entropy(m(b["x"]), b["y"]), "mean"),
        refused="cannot tell the number of samples",
    ),
    Case("batch/dict_of_logits", ANSWERING, labels(), own=lambda m, b: F.cross_entropy(m(b[0])["logits"], b[1])),
    Case(
        "batch/dict_of_loss",
        ANSWERING,
        reshaped(lambda x, y: {"x": x, "labels": y}),
        ModelLoss(),
        lambda m, b: m(**b)["loss"],
    ),
    Case("batch/loader", TANH, lambda: DataLoader(dataset(), 3)),
    Case("batch/loader_one_by_one", RELU, lambda: DataLoader(dataset(), 1)),
    Case("batch/reiterable", TANH, lambda: Loader(labels()())),
    Case("batch/tuple_of_batches", TANH, lambda: tuple(labels()())),
    Case("batch/one_sample", RELU, lambda: [(x[:1], y[:1]) for x, y in labels()()]),
    Case("batch/equal_samples", RELU, lambda: [(x[:1].expand(4, 4).clone(), y[:1].expand(4)) for x, y in labels()()]),
    Case("batch/many_samples", RELU, vectors(n=70, n_batches=1)),
    Case("batch/generator", TANH, lambda: (b for b in labels()()), refused="read only once"),
    Case("batch/iterator", TANH, lambda: iter(labels()()), refused="read only once"),
    Case("batch/shuffling", TANH, lambda: DataLoader(dataset(), 3, shuffle=True), refused="shuffles"),
    Case("batch/augmenting", TANH, lambda: Noisy(labels()()), refused="not what it was"),
    Case("batch/rotating", TANH, lambda: Rotating(labels()()), refused="not what it was"),
    Case("batch/none", TANH, lambda: [], refused="at least one micro-batch"),
    Case("batch/empty", TANH, lambda: [(torch.zeros(0, 4).double(), torch.zeros(0).long())], refused="is empty"),
    Case("batch/one_not_in_a_list", TANH, lambda: {"x": torch.zeros(2, 4)}, refused="expected a list or loader"),
    Case("batch/no_targets", TANH, lambda: [x for x, _ in labels()()], refused="expected targets"),
    Case("batch/wrong_dtype", TANH, lambda: [(x.float(), y) for x, y in labels()()], refused="network or loss failed"),
    Case("batch/wrong_shape", TANH, lambda: [(x[:, :3], y) for x, y in labels()()], refused="network or loss failed"),
    Case("batch/not_tensors", TANH, lambda: [("a", "b")], refused="."),
    Case("batch/model_loss_without", NAMED, reshaped(lambda x, y: {"x": x}), ModelLoss(), refused="returned no `loss`"),
]
