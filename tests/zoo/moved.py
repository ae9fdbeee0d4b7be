"""Parameters of every kind, along full and rank-one directions."""

import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import BatchLoss, ModelLoss
from tests.zoo.case import Case, images, seeded, tokens, vectors
from tests.zoo.plain import FUNCTIONS, Tied, convolutional, linear, net, norm_net, perceptron
from tests.zoo.published import BASE, CAUSAL_NETWORKS, hf, own_loss, text
from tests.zoo.sequences import SEQUENCES, sequences


class OneNumber(nn.Module):
    """A parameter of no axis."""

    def __init__(self):
        super().__init__()
        self.first, self.slope, self.head = nn.Linear(4, 4), nn.Parameter(torch.tensor(0.7)), nn.Linear(4, 3)

    def forward(self, x):
        return self.head((self.first(x) * self.slope).tanh())


ALL = "*"
CASES = [
    Case("moved/biases", perceptron(nn.Tanh), vectors(), layers=[], parameters="*.bias"),
    Case("moved/biases_relu", perceptron(nn.ReLU), vectors(), layers=[], parameters="*.bias"),
    Case("moved/all_of_perceptron", perceptron(nn.GELU), vectors(), layers=[], parameters=ALL),
    Case("moved/prelu", perceptron(nn.PReLU), vectors(), layers=[], parameters=ALL),
    Case("moved/pattern", perceptron(nn.Tanh), vectors(), layers=["[02]"], parameters=["4.*"]),
    *(
        Case(f"moved/norm/{kind.__name__}", norm_net(lambda kind=kind: kind(6)), vectors(), layers=[], parameters=ALL)
        for kind in (nn.LayerNorm, nn.RMSNorm, nn.BatchNorm1d)
    ),
    Case("moved/group_norm", norm_net(lambda: nn.GroupNorm(2, 6)), vectors(), layers=[], parameters=ALL),
    Case("moved/convolution", convolutional(lambda: nn.MaxPool2d(2)), images(), layers=[], parameters=ALL),
    Case(
        "moved/transposed_convolution",
        convolutional(lambda: nn.ConvTranspose2d(4, 2, 2, stride=2)),
        images(),
        layers=[],
        parameters=ALL,
    ),
    Case(
        "moved/one_number",
        seeded(OneNumber),
        vectors(),
        BatchLoss(lambda m, b: F.cross_entropy(m(b[0]), b[1]), "mean"),
        layers=[],
        parameters=ALL,
    ),
    Case("moved/batch_norm", convolutional(lambda: nn.BatchNorm2d(4)), images(), layers=[], parameters=ALL),
    Case("moved/tied_embedding", seeded(Tied), tokens(), layers=[], parameters=ALL),
    Case("moved/tied_with_padding", seeded(lambda: Tied(padding_idx=3)), tokens(), layers=[], parameters=ALL),
    Case(
        "moved/embedding",
        net(lambda n, x: n.head(n.e(x).tanh()), e=lambda: nn.Embedding(11, 4), head=linear(4, 11)),
        tokens(),
        parameters=ALL,
    ),
    Case(
        "moved/embedding_with_padding",
        net(lambda n, x: n.head(n.e(x).tanh()), e=lambda: nn.Embedding(11, 4, padding_idx=2), head=linear(4, 11)),
        tokens(),
        parameters=ALL,
    ),
    Case(
        "moved/embedding_by_frequency",
        net(
            lambda n, x: n.head(n.e(x).tanh()),
            e=lambda: nn.Embedding(11, 4, scale_grad_by_freq=True),
            head=linear(4, 11),
        ),
        tokens(),
        parameters=["e.*", "head.bias"],
    ),
    Case(
        "moved/embedding_max_norm",
        net(lambda n, x: n.head(n.e(x).tanh()), e=lambda: nn.Embedding(11, 4, max_norm=0.5), head=linear(4, 11)),
        tokens(),
        parameters="head.*",
    ),
    *(
        Case(f"moved/{name}", SEQUENCES[name], sequences(), layers=[], parameters=ALL)
        for name in ("packed_attention", "encoder", "lstm", "gru", "rnn", "lstm_bidirectional", "mixer", "conv1d")
    ),
    *(
        Case(f"moved/{name}", FUNCTIONS[name], vectors(), layers=[], parameters=ALL)
        for name in (
            "residual",
            "bilinear",
            "hypernetwork",
            "low_rank_adapter",
            "used_twice",
            "complex_linear",
            "gated",
        )
    ),
    *(
        Case(f"moved/{name}", FUNCTIONS[name], vectors(), layers=[], parameters=["*.weight", "head.bias"])
        for name in ("fourier", "weight_standardised", "einsum_weight")
    ),
    Case("moved/scale", seeded(lambda: Scaled()), vectors(), layers=[], parameters=ALL),
    Case(
        "moved/gpt2",
        CAUSAL_NETWORKS["gpt2"],
        tokens(n=2, length=6, vocabulary=17),
        layers=[],
        parameters=["*wte*", "*ln_1*", "*.bias"],
        tolerance=1e-5,
    ),
    Case(
        "moved/bert",
        hf("BertConfig", "BertForSequenceClassification", **BASE, num_labels=3),
        text("classes", pads=True),
        ModelLoss(),
        own_loss,
        layers=[],
        parameters=["*embeddings*", "*LayerNorm*"],
        tolerance=1e-5,
        slow=True,
    ),
]


class Scaled(nn.Module):
    """A scalar parameter of the network itself."""

    def __init__(self):
        super().__init__()
        self.first, self.scale, self.head = nn.Linear(4, 4), nn.Parameter(nn.Linear(1, 1).bias.data[0]), nn.Linear(4, 3)

    def forward(self, x):
        return self.head((self.first(x) * self.scale).tanh())
