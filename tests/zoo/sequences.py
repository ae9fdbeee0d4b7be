"""Networks on sequences, written in torch: attention, recurrence, rotary embeddings."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.case import Case, seeded
from tests.zoo.plain import linear, net


class Attention(nn.Module):
    """Packed attention over positions, or over the batch."""

    def __init__(self, batch_first=True, mask=None):
        super().__init__()
        self.first, self.head = nn.Linear(4, 8), nn.Linear(8, 3)
        self.attention, self.mask = nn.MultiheadAttention(8, 2, batch_first=batch_first), mask

    def forward(self, x):
        z = self.first(x)
        return self.head(self.attention(z, z, z, attn_mask=self.mask)[0].mean(1))


class Recurrent(nn.Module):
    def __init__(self, kind, **kw):
        super().__init__()
        self.cell = kind(4, 5, batch_first=True, **kw)
        self.head = nn.LazyLinear(3)
        self(torch.zeros(1, 2, 4))

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


class Rotary(nn.Module):
    """Attention with rotary embeddings, by complex numbers or by sines."""

    def __init__(self, by_complex):
        super().__init__()
        self.q, self.k, self.v, self.head = (nn.Linear(4, 4) for _ in range(4))
        self.head, self.by_complex = nn.Linear(4, 3), by_complex

    def rotate(self, x):
        angles = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.1], dtype=x.dtype)
        if self.by_complex:
            turned = torch.view_as_complex(x.unflatten(-1, (2, 2))) * torch.polar(torch.ones_like(angles), angles)
            return torch.view_as_real(turned).flatten(-2)
        even, odd = x[..., ::2], x[..., 1::2]
        return torch.stack(
            [even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos()], -1
        ).flatten(-2)

    def forward(self, x):
        scores = self.rotate(self.q(x)) @ self.rotate(self.k(x)).mT / math.sqrt(4)
        return self.head((scores.softmax(-1) @ self.v(x)).mean(1))


def sequences(n=3, length=4, width=4, n_batches=1):
    def made():
        generator = torch.Generator().manual_seed(2)
        draw = lambda: torch.randn(n, length, width, generator=generator, dtype=torch.float64)  # ruff: ignore[lambda-assignment]
        return [(draw(), torch.randint(0, 3, (n,), generator=generator)) for _ in range(n_batches)]

    return made


def encoder(**kw):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, **kw)
            self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(4, 3)

        def forward(self, x):
            if not kw.get("batch_first"):
                return self.head(self.encoder(x.transpose(0, 1)).mean(0))
            return self.head(self.encoder(x).mean(1))

    return seeded(Encoder)


SEQUENCES = {
    "packed_attention": seeded(Attention),
    "packed_attention_causal": seeded(lambda: Attention(mask=torch.triu(torch.full((4, 4), -torch.inf), 1).double())),
    "attention_over_the_batch": seeded(lambda: Attention(batch_first=False)),
    "encoder": encoder(batch_first=True),
    "encoder_gelu_first": encoder(batch_first=True, activation="gelu", norm_first=True),
    "encoder_positions_first": encoder(),
    "lstm": seeded(lambda: Recurrent(nn.LSTM)),
    "lstm_two_layers": seeded(lambda: Recurrent(nn.LSTM, num_layers=2)),
    "lstm_bidirectional": seeded(lambda: Recurrent(nn.LSTM, bidirectional=True)),
    "gru": seeded(lambda: Recurrent(nn.GRU)),
    "rnn": seeded(lambda: Recurrent(nn.RNN)),
    "rnn_relu": seeded(lambda: Recurrent(nn.RNN, nonlinearity="relu")),
    "rotary_complex": seeded(lambda: Rotary(True)),
    "rotary_sines": seeded(lambda: Rotary(False)),
    "conv1d": net(
        lambda n, x: n.head(n.c(x.mT).relu().mean(2)), c=lambda: nn.Conv1d(4, 5, 3, padding=1), head=linear(5, 3)
    ),
    "positions_first": net(lambda n, x: n.head(n.a(x.transpose(0, 1)).relu().mean(0)), a=linear(), head=linear(4, 3)),
    "mixer": net(
        lambda n, x: n.head((x + n.tokens(x.mT).mT + n.channels(x).relu()).mean(1)),
        tokens=linear(),
        channels=linear(),
        head=linear(4, 3),
    ),
    "linear_attention": net(
        lambda n, x: n.head(
            ((q := F.elu(n.q(x)) + 1) @ (F.elu(n.k(x)) + 1).mT @ n.v(x) / q.sum(-1, keepdim=True)).mean(1)
        ),
        q=linear(),
        k=linear(),
        v=linear(),
        head=linear(4, 3),
    ),
    "sdpa_causal": net(
        lambda n, x: n.head(F.scaled_dot_product_attention(n.q(x), n.k(x), n.v(x), is_causal=True).mean(1)),
        q=linear(),
        k=linear(),
        v=linear(),
        head=linear(4, 3),
    ),
    "state_space": net(lambda n, x: _scan(n, x), a=linear(), b=linear(), head=linear(4, 3)),
}


def _scan(n, x):
    state = torch.zeros_like(x[:, 0])
    for step in x.unbind(1):
        state = state * torch.sigmoid(n.a(step)) + n.b(step)
    return n.head(state)


CASES = [Case(f"plain/sequence/{name}", build, sequences()) for name, build in SEQUENCES.items()]
