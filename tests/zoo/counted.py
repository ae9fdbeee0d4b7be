"""Samples that are not on the first axis of the inputs: time first, graphs, sequences packed, images in a list."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from layercurv.curvature import BatchLoss, OutputLoss
from tests.zoo.case import Case, seeded
from tests.zoo.plain import linear, net
from tests.zoo.tasks import C

SIZES = (10, 5, 3)  # of micro-batches: multiples of the length in time, and not


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def classes(n):
    return torch.arange(n) * 7 % C


def time_first():
    return [(drawn(5, n, 4), classes(n)) for n in SIZES]


def one_step(*sizes):
    return [(drawn(1, n, 4), classes(n)) for n in sizes]


def words(*shapes):
    return [(drawn(*shape, 4), classes(shape[0] * shape[1])) for shape in shapes]


def graphs():
    owners = torch.tensor([[0, 0, 0, 1, 1, 1, 2, 2, 3], [0, 0, 0, 0, 0, 0, 1, 1, 1]])
    edges = torch.arange(40).reshape(2, 20) * 5 % 9
    return [(drawn(9, 4) + i, edges, of, classes(int(of.max()) + 1)) for i, of in enumerate(owners)]


def edges():
    return [(drawn(7, 4), torch.arange(2 * m).reshape(2, m) * 3 % 7, classes(m)) for m in (14, 5)]


def packed():
    texts = [(5, 2, 3), (1, 2)]
    return [(pack_sequence([drawn(n, 4) for n in t], enforce_sorted=False), classes(len(t))) for t in texts]


def pictures():
    return [{"x": [drawn(2, 5 + i, 6) for i in range(n)], "labels": classes(n)} for n in (6, 3)]


def sparse():
    found = []
    for n in (6, 4):
        places = torch.arange(2 * n).reshape(2, n) * 5 % n
        matrix = torch.sparse_coo_tensor(places, drawn(n), (n, n), check_invariants=True)
        found.append((drawn(n, 4), matrix, classes(n)))
    return found


def passed_on(n, x, ends, of):
    h = n.a(x).tanh()
    h = h + torch.zeros_like(h).index_add(0, ends[1], n.b(h)[ends[0]])
    return n.head(h.new_zeros(int(of.max()) + 1, h.shape[1]).index_add(0, of, h))


def of_sums(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def of_graphs(model, batch):
    return F.cross_entropy(model(*batch[:-1]), batch[-1])


def of_pictures(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["labels"])


def n_targets(batch):
    return len(batch["labels"] if isinstance(batch, dict) else batch[-1])


GRAPH = net(passed_on, a=linear(), b=linear(4, 4), head=linear(4, C))
BY_TIME = net(lambda n, x: n.head(n.a(x).tanh().mean(0)), a=linear(), head=linear(4, C))
FLAT = net(lambda n, x: n.head(n.a(x).tanh().cumsum(1)).flatten(0, 1), a=linear(), head=linear(4, C))
PACKED = net(
    lambda n, x: n.head(n.rnn(x)[1][0]), rnn=lambda: nn.GRU(4, 4, batch_first=True), head=lambda: nn.Linear(4, C)
)


def of_list(n_channels):
    return net(
        lambda n, x: n.head(torch.stack([n.a(part).relu().mean((1, 2)) for part in x])),
        a=lambda: nn.Conv2d(n_channels, 4, 3),
        head=lambda: nn.Linear(4, C),
    )


LISTED, DETECTOR = of_list(2), of_list(3)
VECTORS = net(lambda n, x: n.head(n.a(x).tanh()), a=linear(), head=linear(4, C))
SPARSE = net(lambda n, x, A: n.head((A @ n.a(x)).relu()), a=linear(), head=linear(4, C))


class Holding(nn.Module):
    """Holds a sparse matrix."""

    def __init__(self):
        super().__init__()
        self.a, self.head = nn.Linear(4, 4), nn.Linear(4, C)
        self.matrix = sparse()[0][1]

    def forward(self, x):
        return self.head((self.matrix @ self.a(x)).tanh())


def detected(*sizes):
    """Pictures of three channels and of any size, each with its boxes' classes."""
    return [([drawn(3, 5 + i, 6) for i in range(n)], [{"kinds": classes(2 + i % 2)} for i in range(n)]) for n in sizes]


def of_detected(model, batch):
    pairs = zip(model(batch[0]), batch[1], strict=True)
    return torch.stack([F.cross_entropy(z.expand(len(t["kinds"]), -1), t["kinds"]) for z, t in pairs]).mean()


def several(*sizes):
    """Two inputs and two targets of all samples, each pair in a list."""
    return [([drawn(n, 4), drawn(n, 4) + 1], [classes(n), classes(n).flip(0)]) for n in sizes]


def of_several(model, batch):
    return sum(F.cross_entropy(model(x), y) for x, y in zip(*batch, strict=True))


def listed(*sizes):
    return [[{"x": drawn(2, 5 + i, 6), "kind": classes(4)[i]} for i in range(n)] for n in sizes]


def of_listed(model, batch):
    return F.cross_entropy(model([sample["x"] for sample in batch]), torch.stack([sample["kind"] for sample in batch]))


MEAN, SUM = BatchLoss(of_sums, "mean"), BatchLoss(lambda m, b: of_sums(m, b) * n_targets(b), "sum")
COUNTING = BatchLoss(of_sums, "mean", n_targets)
CASES = [
    Case("counted/time_first", BY_TIME, time_first, own=of_sums, n_samples=n_targets),
    Case(
        "counted/time_first_by_output_loss",
        BY_TIME,
        time_first,
        OutputLoss(F.cross_entropy, "mean"),
        own=of_sums,
        n_samples=n_targets,
    ),
    Case("counted/time_first_by_batch_loss", BY_TIME, time_first, COUNTING, of_sums, n_samples=n_targets),
    Case("counted/time_first_not_told", BY_TIME, time_first, MEAN, refused="cannot tell the number of samples"),
    Case("counted/sum_not_told", BY_TIME, lambda: time_first()[:1], SUM, refused="cannot tell the number of samples"),
    Case(
        "counted/one_by_batch_loss",
        BY_TIME,
        lambda: time_first()[:1],
        MEAN,
        of_sums,
        n_samples=lambda b: len(b[0]),
    ),
    Case("counted/one_step", BY_TIME, lambda: one_step(6, 6), own=of_sums, n_samples=lambda b: 1),
    Case("counted/ragged_step", BY_TIME, lambda: one_step(6, 3), refused="cannot tell the number of samples"),
    Case("counted/words", FLAT, lambda: words((3, 4), (1, 4)), own=of_sums, n_samples=lambda b: len(b[0])),
    Case("counted/words_by_time", FLAT, lambda: words((4, 6), (4, 3)), refused="cannot tell the number of samples"),
    Case("counted/ragged_words", FLAT, lambda: words((3, 4), (3, 2)), refused="return outputs with the samples on"),
    Case("counted/graphs", GRAPH, graphs, own=of_graphs, n_samples=n_targets),
    Case(
        "counted/edges",
        net(lambda n, x, ends: n.head(n.a(x)[ends[0]] * n.a(x)[ends[1]]), a=linear(), head=linear(4, C)),
        edges,
        own=of_graphs,
        n_samples=n_targets,
    ),
    Case("counted/packed", PACKED, packed, own=of_sums, n_samples=n_targets),
    Case("counted/list_of_pictures", LISTED, pictures, own=of_pictures, n_samples=n_targets),
    Case("counted/detection", DETECTOR, lambda: detected(2, 1), BatchLoss(of_detected, "mean"), refused="or its lists"),
    Case(
        "counted/detection_by_pairs",
        DETECTOR,
        lambda: [tuple(map(tuple, batch)) for batch in detected(2, 1)],
        BatchLoss(of_detected, "mean"),
        refused="by a factor of 0.333333 and 0.666667",
    ),
    Case(
        "counted/detection_told",
        DETECTOR,
        lambda: detected(2, 1),
        BatchLoss(of_detected, "mean", lambda batch: len(batch[0])),
        of_detected,
        n_samples=lambda batch: len(batch[0]),
    ),
    Case(
        "counted/listed_samples",
        LISTED,
        lambda: listed(3, 2),
        BatchLoss(of_listed, "mean"),
        refused="cannot tell the number of samples",
    ),
    Case(
        "counted/listed_samples_told",
        LISTED,
        lambda: listed(3, 2),
        BatchLoss(of_listed, "mean", len),
        of_listed,
        n_samples=len,
    ),
    Case(
        "counted/lists_of_inputs",
        VECTORS,
        lambda: several(5, 3),
        BatchLoss(of_several, "mean", lambda batch: len(batch[0][0])),
        of_several,
        n_samples=lambda batch: len(batch[0][0]),
    ),
    *(
        Case(
            f"counted/lists_of_either_{name}",
            VECTORS,
            lambda shapes=shapes: [([drawn(n, 4) + i for i in range(k)], [classes(n)] * k) for k, n in shapes],
            BatchLoss(of_several, "mean"),
            refused="or its lists",
        )
        for name, shapes in {"more": ((2, 4), (1, 4)), "longer": ((2, 4), (2, 3))}.items()
    ),
    Case("counted/sparse", SPARSE, sparse, own=of_graphs),
    Case("counted/sparse_attribute", seeded(Holding), lambda: [(drawn(6, 4), classes(6))], own=of_sums),
    Case(
        "counted/nested",
        BY_TIME,
        lambda: [(torch.nested.nested_tensor([drawn(2, 4), drawn(3, 4)], layout=torch.jagged), classes(2))],
        refused="nested tensor",
    ),
    Case(
        "counted/bool_targets",
        BY_TIME,
        lambda: [(drawn(5, 3, 4), drawn(3, C) > 0)],
        nn.BCEWithLogitsLoss(),
        refused="network or loss failed",
    ),
]
