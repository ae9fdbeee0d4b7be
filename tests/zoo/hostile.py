"""Networks that decide by their values, mix samples, draw at random, compute their weights, or are not precise."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from tests.zoo.case import Case, seeded, vectors
from tests.zoo.plain import Net, perceptron
from tests.zoo.sequences import SEQUENCES, sequences
from tests.zoo.told import three, two

# What a tape would miss


def masked(n, x):
    z = n.a(x).tanh()
    pads = x.abs().sum(-1) == 0
    if pads.any():  # a mask only if there are pads
        z = z.masked_fill(pads.unsqueeze(-1), 0.0) * (1 + pads.double().sum())
    return n.head(z.mean(1))


def branching(n, x):
    return n.head(n.a(x).tanh() if x.sum() > 0 else n.a(x).square())


def counted(n, x):
    z = n.a(x)
    for _ in range(int(x.abs().max().item() * 2) % 3):
        z = n.b(z).tanh()
    return n.head(z)


def taken_out(n, x):
    return n.head(n.a(x).tanh() * x.sum().item())


def own_scale(n, x):
    z = n.a(x)
    return n.head(z / z.abs().max().item())


def listed(n, x):
    return n.head(n.a(x).tanh() * torch.tensor([float(v) for v in x.std(0)], dtype=x.dtype))


def some_rows(n, x):
    keep = x[:, 0] > -0.5
    z = n.a(x).tanh()
    z = torch.cat([z[keep], 2 * z[~keep]])
    return n.head(z[torch.argsort(torch.cat([keep.nonzero(), (~keep).nonzero()]).squeeze(1))])


def cached(n, x):
    if "mask" not in n.store:
        n.store["mask"] = torch.ones(4, dtype=x.dtype)
    return n.head(n.a(x).tanh() * n.store["mask"])


def changes_its_weights(n, x):
    n.a.weight.data.clamp_(-0.2, 0.2)
    return n.head(n.a(x).tanh())


def batches_with_pads():
    found = sequences(n_batches=3)()
    found[1][0][0, 2:] = 0
    return found


def signed_batches():
    found = vectors(n_batches=3)()
    return [(x.abs() * sign, y) for (x, y), sign in zip(found, (1, -1, 1), strict=True)]


def with_store(forward):
    def build():
        model = Net(forward, a=nn.Linear(4, 4), head=nn.Linear(4, 3))
        model.store = {}
        return model

    return seeded(build)


class BoundToABatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.head = nn.Linear(4, 4), nn.Linear(4, 3)
        self.register_buffer("state", torch.linspace(0, 1, 24).reshape(6, 4))

    def forward(self, x):
        return self.head((self.a(x) + self.state).tanh())


VALUES = [
    Case("values/mask_only_if_pads", two(masked), batches_with_pads),
    Case("values/branch", two(branching), signed_batches),
    Case("values/loop_count", three(counted), vectors(n_batches=4)),
    Case("values/item", two(taken_out), vectors(n_batches=3)),
    Case("values/item_of_activation", two(own_scale), vectors(n_batches=3)),
    Case("values/list_of_numbers", two(listed), vectors(n_batches=3)),
    Case("values/some_rows", two(some_rows), vectors(n_batches=3)),
    Case("values/cache", with_store(cached), vectors()),
    Case("values/writes_into_its_input", two(lambda n, x: n.head(n.a(x.mul_(1.1)).relu())), vectors(n_batches=3)),
    Case("values/changes_its_weights", two(changes_its_weights), vectors()),
    Case(
        "values/inputs_with_gradients",
        two(lambda n, x: n.head(n.a(x).tanh())),
        lambda: [(x.requires_grad_(), y) for x, y in vectors()()],
    ),
    Case("values/bound_to_a_batch", seeded(BoundToABatch), vectors(n=6, n_batches=2)),
    Case("values/bound_to_another", seeded(BoundToABatch), vectors(n=5), refused="network or loss failed"),
]

# Samples that see each other


def equal_samples():
    return [(x[:1].expand(6, 4).clone(), y) for x, y in vectors()()]


def last_from_first(n, x):
    z = n.a(x).relu()
    return n.head(torch.cat([z[:-1], z[-1:] + z[:1]]))


def first_from_last(n, x):
    z = n.a(x).relu()
    return n.head(torch.cat([z[:1] + 0.5 * z[-1:], z[1:]]))


def one_pair(n, x):
    z = n.a(x).relu()
    out = n.head(z)
    return out + torch.nn.functional.one_hot(torch.tensor(4), 6).to(z)[:, None] * out[2:3]


def weakly(n, x):
    z = n.head(n.a(x).relu())
    return z + 1e-3 * z.mean(0)


def retrieval(n, x):
    z = n.a(x).relu()
    return n.head((z @ z.T).softmax(1) @ z)


SEEN = {
    "mean": two(lambda n, x: n.head((z := n.a(x)) - z.mean(0)).relu()),
    "mean_of_outputs": two(lambda n, x: (z := n.head(n.a(x).relu())) - z.mean(0)),
    "last_from_first": two(last_from_first),
    "first_from_last": two(first_from_last),
    "one_pair": two(one_pair),
    "weakly": two(weakly),
    "cumulative": two(lambda n, x: n.head(n.a(x).relu()).cumsum(0)),
    "shifted": two(lambda n, x: (z := n.head(n.a(x).relu())) + z.roll(1, 0)),
    "permuted": two(lambda n, x: n.head(n.a(x).relu()).roll(1, 0)),
    "flipped": two(lambda n, x: n.head(n.a(x).relu()).flip(0)),
    "retrieval": two(retrieval),
    "sorted": two(lambda n, x: n.head(n.a(x).relu().sort(0).values)),
    "input_only": two(lambda n, x: n.head(n.a(x - x.mean(0)).relu())),
    "batch_statistics": seeded(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU(), nn.Linear(4, 3))
    ),
    "normalised_over_batch": two(lambda n, x: n.head(F.normalize(n.a(x).relu(), dim=0))),
}

# Randomness


class AlwaysTraining(nn.Module):
    """Stays in train mode, as a network does that nobody has switched."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.head = inner, nn.LazyLinear(3)
        self(torch.zeros(2, 3, 4))

    def train(self, mode=True):
        return super().train(True)

    def forward(self, x):
        z = self.inner(x)
        return self.head((z[0] if isinstance(z, tuple) else z).mean(1))


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


def counting(n, x):
    n.store["calls"] = n.store.get("calls", 0) + 1
    return n.head(n.a(x).tanh() * n.store["calls"])


def drops_a_path(n, x):
    keep = (torch.rand(len(x), 1) > 0.3).to(x.dtype)
    return n.head(x + keep * n.a(x).tanh())


def rarely(n, x):
    return n.head(n.a(x).tanh() * (2.0 if torch.rand(()) < 0.3 else 1.0))


def draws_for_nothing(n, x):
    torch.rand(3)
    return n.head(n.a(x).tanh())


def layer_drop(n, x):
    skipped = torch.rand([]) < 0.3
    return n.head(x if skipped and n.training else n.a(x).tanh())


GENERATOR = torch.Generator().manual_seed(0)
RANDOM = {
    "functional_dropout": two(lambda n, x: n.head(F.dropout(n.a(x).tanh(), 0.5))),
    "functional_dropout_between_relus": two(lambda n, x: n.head(F.dropout(n.a(x).relu(), 0.2, training=True).relu())),
    "drop_path": two(drops_a_path),
    "python_random": two(lambda n, x: n.head(n.a(x).tanh() * (1 + random.random()))),
    "rarely_by_python": two(lambda n, x: n.head(n.a(x).tanh() * (2 if random.random() < 0.3 else 1))),
    "numpy_random": two(lambda n, x: n.head(n.a(x).tanh() * (1 + np.random.rand()))),
    "own_generator": two(lambda n, x: n.head(n.a(x).tanh() * torch.rand(4, generator=GENERATOR, dtype=x.dtype))),
    "rrelu": two(lambda n, x: n.head(F.rrelu(n.a(x), training=True))),
    "noise": two(lambda n, x: n.head(n.a(x).tanh() + 0.1 * torch.randn_like(x))),
    "sampled": two(lambda n, x: n.head(F.gumbel_softmax(n.a(x), hard=True))),
    "rarely": two(rarely),
    "counter": with_store(counting),
    "lstm_dropout": seeded(lambda: AlwaysTraining(nn.LSTM(4, 4, 2, dropout=0.4, batch_first=True))),
    "attention_dropout": seeded(lambda: AlwaysTraining(SelfAttention())),
    "encoder_dropout": seeded(
        lambda: AlwaysTraining(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2, batch_first=True))
    ),
}

# Weights that are computed


class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop = nn.Linear(4, 3), nn.Dropout()

    def train(self, mode=True):
        return super().train(True)

    def forward(self, x):
        return self.drop(self.a(x))


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).mT


def with_weights(change):
    def build():
        model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
        change(model[0])
        return model

    return seeded(build)


def baked(model):
    """The same network with plain weights of the same values."""
    model(torch.zeros(2, 4, dtype=torch.float64))
    plain = nn.Linear(4, model[0].weight.shape[0]).double()
    plain.weight.data.copy_(model[0].weight.detach())
    plain.bias.data.copy_(model[0].bias.detach())
    return nn.Sequential(plain, *list(model)[1:])


COMPUTED = {
    "weight_norm": lambda m: parametrizations.weight_norm(m),
    "weight_norm_by_hook": lambda m: nn.utils.weight_norm(m),
    "spectral_norm": lambda m: parametrizations.spectral_norm(m),
    "spectral_norm_by_hook": lambda m: nn.utils.spectral_norm(m),
    "orthogonal": lambda m: parametrizations.orthogonal(m),
    "symmetric": lambda m: parametrize.register_parametrization(m, "weight", Symmetric()),
    "pruned": lambda m: prune.l1_unstructured(m, "weight", 0.4),
    "pruned_rows": lambda m: prune.ln_structured(m, "weight", 0.5, 2, 0),
}


def bare_hardsigmoid(model):
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Hardsigmoid):
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, Net(lambda _n, x: F.relu6(x + 3) / 6))
    return model


def by_relu6(model, batch):
    return F.cross_entropy(model.head(F.relu6(model.a(batch[0]) + 3) / 6), batch[1])


# Precision


def inner_autocast(n, x):
    with torch.autocast("cpu", torch.bfloat16):
        z = n.a(x).tanh()
    return n.head(z.to(x.dtype))


PRECISION = [
    Case("precision/float16", perceptron(nn.Tanh), vectors(), dtype=torch.float16, tolerance=1e-3),
    Case("precision/bfloat16", perceptron(nn.ReLU), vectors(), dtype=torch.bfloat16, tolerance=1e-3),
    Case("precision/bfloat16_attention", seeded(lambda: Attend()), sequences(), dtype=torch.bfloat16, tolerance=1e-3),
    Case("precision/float16_recurrent", SEQUENCES["gru"], sequences(), dtype=torch.float16, tolerance=2e-3),
    Case("precision/float32", perceptron(nn.GELU), vectors(), dtype=torch.float32, tolerance=1e-3),
    Case("precision/float32_relu", perceptron(nn.ReLU), vectors(), dtype=torch.float32, tolerance=1e-3),
]


class Attend(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        return self.head(self.norm(F.scaled_dot_product_attention(self.q(x), self.k(x), x)).mean(1))


CASES = [
    *VALUES,
    *(Case(f"seen/{name}", build, vectors(n_batches=1)) for name, build in SEEN.items()),
    *(Case(f"seen/{name}/equal_samples", build, equal_samples) for name, build in SEEN.items()),
    *(
        Case(
            f"random/{name}",
            build,
            sequences() if "_dropout" in name and "functional" not in name else vectors(),
            refused="two evaluations of the loss differ|call model.eval",
        )
        for name, build in RANDOM.items()
    ),
    Case("random/drawn_for_nothing", two(draws_for_nothing), vectors()),
    Case("random/layer_drop", two(layer_drop), vectors()),
    *(Case(f"computed/{name}", with_weights(change), vectors(), bake=baked) for name, change in COMPUTED.items()),
    Case(
        "computed/parameter_of_weight_norm",
        with_weights(parametrizations.weight_norm),
        vectors(),
        layers=["2"],
        parameters=["0.parametrizations.weight.original*"],
    ),
    Case(
        "computed/parameter_of_pruning",
        with_weights(COMPUTED["pruned"]),
        vectors(),
        layers=[],
        parameters="0.weight_orig",
    ),
    Case(
        "refused/unused",
        three(lambda n, x: n.head(n.a(x))),
        vectors(),
        layers=["b"],
        refused="layer b: expected to take part",
    ),
    Case(
        "refused/returns_a_dict",
        two(lambda n, x: {"scores": n.head(n.a(x))}),
        vectors(),
        layers=["a"],
        refused="got dict",
    ),
    Case("refused/nan", two(lambda n, x: n.head(n.a(x)) * torch.nan), vectors(), layers=["a"], refused="NaN"),
    Case("refused/train_mode", seeded(lambda: Trained()), vectors(), layers=["a"], refused="call model.eval"),
    Case("hardsigmoid", perceptron(nn.Hardsigmoid), vectors(), bake=bare_hardsigmoid),
    Case("hardsigmoid_function", two(lambda n, x: n.head(F.hardsigmoid(n.a(x)))), vectors(), own=by_relu6),
    *PRECISION,
]
