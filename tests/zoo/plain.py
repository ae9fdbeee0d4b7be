"""Networks written in torch."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.case import Case, images, seeded, tokens, vectors

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "relu6": nn.ReLU6,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "log_sigmoid": nn.LogSigmoid,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "hardshrink": nn.Hardshrink,
    "softshrink": nn.Softshrink,
    "tanhshrink": nn.Tanhshrink,
    "threshold": lambda: nn.Threshold(0.1, 0.3),
    "rrelu_eval": nn.RReLU,
    "softmax": lambda: nn.Softmax(-1),
    "softmin": lambda: nn.Softmin(-1),
    "identity": nn.Identity,
    "dropout_eval": nn.Dropout,
    "relu_inplace": lambda: nn.ReLU(inplace=True),
    "silu_inplace": lambda: nn.SiLU(inplace=True),
}
NORMS = {
    "layer_norm": lambda: nn.LayerNorm(6),
    "rms_norm": lambda: nn.RMSNorm(6),
    "batch_norm_eval": lambda: nn.BatchNorm1d(6),
    "group_norm": lambda: nn.GroupNorm(2, 6),
    "batch_norm_no_stats": lambda: nn.BatchNorm1d(6, track_running_stats=False),
}
POOLS = {
    "max": lambda: nn.MaxPool2d(2),
    "max_overlapping": lambda: nn.MaxPool2d(3, 2, 1),
    "average": lambda: nn.AvgPool2d(2),
    "adaptive_average": lambda: nn.AdaptiveAvgPool2d((2, 3)),
    "adaptive_max": lambda: nn.AdaptiveMaxPool2d((2, 2)),
    "instance_norm": lambda: nn.InstanceNorm2d(4),
    "local_response_norm": lambda: nn.LocalResponseNorm(2),
    "batch_norm": lambda: nn.BatchNorm2d(4),
    "upsample_nearest": lambda: nn.Upsample(scale_factor=2),
    "upsample_bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "pixel_shuffle": lambda: nn.PixelShuffle(2),
    "pixel_unshuffle": lambda: nn.PixelUnshuffle(2),
    "channel_shuffle": lambda: nn.ChannelShuffle(2),
    "transposed": lambda: nn.ConvTranspose2d(4, 2, 2, stride=2),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, groups=4, padding=1),
    "dilated": lambda: nn.Conv2d(4, 4, 3, dilation=2),
    "reflect_padding": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "circular_padding": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    "unfold": lambda: nn.Unfold(2),
    "dropout2d_eval": lambda: nn.Dropout2d(),
}


class Net(nn.Module):
    """Named modules and a forward pass as a function of them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self._do = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args, **kwargs):
        return self._do(self, *args, **kwargs)


def net(forward, **builders):
    return seeded(lambda: Net(forward, **{name: build() for name, build in builders.items()}))


def linear(n=4, m=4, **kw):
    return lambda: nn.Linear(n, m, **kw)


def perceptron(activation):
    return seeded(lambda: nn.Sequential(nn.Linear(4, 6), activation(), nn.Linear(6, 5), activation(), nn.Linear(5, 3)))


def convolutional(middle):
    def build():
        head = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), middle(), head)
        model(torch.zeros(1, 3, 8, 8))
        return model

    return seeded(build)


class Mixture(nn.Module):
    """Experts chosen for each sample; some see no sample of a micro-batch."""

    def __init__(self, soft=False):
        super().__init__()
        self.router, self.head, self.soft = nn.Linear(4, 3), nn.Linear(5, 3), soft
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, 5), nn.GELU()) for _ in range(3))

    def forward(self, x):
        gates = self.router(x).softmax(-1)
        if self.soft:
            z = torch.stack([expert(x) for expert in self.experts], 1)
            return self.head((z * gates.unsqueeze(-1)).sum(1))
        weight, chosen = gates.max(-1)
        z = x.new_zeros(len(x), 5)
        for index, expert in enumerate(self.experts):
            rows = (chosen == index).nonzero().squeeze(1)
            if len(rows):
                z = z.index_add(0, rows, weight[rows, None] * expert(x[rows]))
        return self.head(z)


class Tied(nn.Module):
    """A language model whose head is its embedding."""

    def __init__(self, **kw):
        super().__init__()
        self.embedding, self.mix, self.head = nn.Embedding(11, 6, **kw), nn.Linear(6, 6), nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(self.mix(self.embedding(x)).tanh())


class LowRank(nn.Module):
    """LoRA: a frozen weight and a trained product."""

    def __init__(self):
        super().__init__()
        self.base, self.down, self.up = nn.Linear(4, 6), nn.Linear(4, 2, bias=False), nn.Linear(2, 6, bias=False)
        self.head = nn.Linear(6, 3)
        self.base.requires_grad_(False)

    def forward(self, x):
        return self.head((self.base(x) + 0.5 * self.up(self.down(x))).relu())


def fourier(net, x):
    z = net.first(x)
    return net.head(torch.fft.ifft(torch.fft.fft(z) * torch.fft.fft(net.kernel.weight[0], n=6)).real.tanh())


def norm_net(norm):
    return seeded(lambda: nn.Sequential(nn.Linear(4, 6), norm(), nn.Tanh(), nn.Linear(6, 3)))


FUNCTIONS = {
    "residual": net(
        lambda n, x: n.head(x + n.second(n.first(x).relu())), first=linear(), second=linear(), head=linear(4, 3)
    ),
    "dense_concatenation": net(
        lambda n, x: n.head(torch.cat([x, n.first(x).relu()], 1)), first=linear(), head=linear(8, 3)
    ),
    "gated": net(lambda n, x: n.head(n.a(x) * n.b(x).sigmoid()), a=linear(), b=linear(), head=linear(4, 3)),
    "glu": net(lambda n, x: n.head(F.glu(n.first(x))), first=linear(4, 8), head=linear(4, 3)),
    "used_twice": net(lambda n, x: n.head(n.first(n.first(x).tanh())), first=linear(), head=linear(4, 3)),
    "used_thrice_unrolled": net(
        lambda n, x: n.head(n.step(n.step(n.step(x).relu()).relu()).relu()), step=linear(), head=linear(4, 3)
    ),
    "bilinear": net(lambda n, x: n.head(n.b(x, x)), b=lambda: nn.Bilinear(4, 4, 5), head=linear(5, 3)),
    "einsum_weight": net(
        lambda n, x: n.head(torch.einsum("ni,oi->no", x, n.first.weight).tanh()), first=linear(), head=linear(4, 3)
    ),
    "weight_transposed": net(lambda n, x: n.head((x @ n.first.weight).relu()), first=linear(), head=linear(4, 3)),
    "weight_standardised": net(
        lambda n, x: n.head(F.linear(x, (n.first.weight - n.first.weight.mean()) / n.first.weight.std()).relu()),
        first=linear(),
        head=linear(4, 3),
    ),
    "cosine_head": net(
        lambda n, x: 5 * F.linear(F.normalize(n.first(x)), F.normalize(n.head.weight)),
        first=linear(),
        head=linear(4, 3),
    ),
    "hypernetwork": net(
        lambda n, x: torch.bmm(n.make(x).view(-1, 3, 4), n.first(x).unsqueeze(2)).squeeze(2),
        make=linear(4, 12),
        first=linear(),
    ),
    "einsum_attention": net(
        lambda n, x: n.head(torch.einsum("ni,nj->nij", n.a(x), n.b(x)).softmax(-1).flatten(1)),
        a=linear(),
        b=linear(),
        head=linear(16, 3),
    ),
    "max_over_features": net(
        lambda n, x: n.head(torch.stack([n.a(x), n.b(x)]).max(0).values), a=linear(), b=linear(), head=linear(4, 3)
    ),
    "maximum": net(lambda n, x: n.head(torch.maximum(n.a(x), n.b(x))), a=linear(), b=linear(), head=linear(4, 3)),
    "topk": net(lambda n, x: n.head(n.a(x).topk(2, 1).values), a=linear(), head=linear(2, 3)),
    "sorted": net(lambda n, x: n.head(n.a(x).sort(1).values.tanh()), a=linear(), head=linear(4, 3)),
    "norms": net(lambda n, x: n.head(n.a(x) / n.a(x).norm(dim=1, keepdim=True)), a=linear(), head=linear(4, 3)),
    "variance": net(lambda n, x: n.head(n.a(x)) * n.a(x).var(1, keepdim=True), a=linear(), head=linear(4, 3)),
    "logsumexp": net(
        lambda n, x: n.head(n.a(x)) - n.head(n.a(x)).logsumexp(1, keepdim=True), a=linear(), head=linear(4, 3)
    ),
    "cumulative": net(lambda n, x: n.head(n.a(x).cumsum(1).tanh()), a=linear(), head=linear(4, 3)),
    "product": net(lambda n, x: n.head(n.a(x).prod(1, keepdim=True) + n.a(x)), a=linear(), head=linear(4, 3)),
    "cholesky": net(
        lambda n, x: n.head(
            torch.linalg.cholesky(torch.eye(2).double() + (z := n.a(x).view(-1, 2, 2)) @ z.mT).flatten(1)
        ),
        a=linear(),
        head=linear(4, 3),
    ),
    "matrix_exponential": net(
        lambda n, x: n.head(torch.matrix_exp(n.a(x).view(-1, 2, 2)).flatten(1)), a=linear(), head=linear(4, 3)
    ),
    "fourier": net(fourier, first=linear(4, 6), kernel=linear(4, 1), head=linear(6, 3)),
    "complex_linear": net(
        lambda n, x: n.head(torch.complex(n.re(x), n.im(x)).abs()), re=linear(), im=linear(), head=linear(4, 3)
    ),
    "complex_square": net(
        lambda n, x: n.head((torch.complex(n.re(x), n.im(x)) ** 2).imag), re=linear(), im=linear(), head=linear(4, 3)
    ),
    "view_as_complex": net(
        lambda n, x: n.head(torch.view_as_complex(n.a(x).view(-1, 2, 2).contiguous()).angle()),
        a=linear(),
        head=linear(2, 3),
    ),
    "real_fourier_mixer": net(
        lambda n, x: n.head(torch.fft.irfft(torch.fft.rfft(n.a(x)) * 2).tanh()), a=linear(), head=linear(4, 3)
    ),
    "written_in_place": net(lambda n, x: n.head(_write(n.a(x))), a=linear(), head=linear(4, 3)),
    "scatter": net(
        lambda n, x: n.head(
            torch.zeros_like(x).scatter(1, torch.tensor([[1, 0, 3, 2]]).expand(len(x), 4), n.a(x)).tanh()
        ),
        a=linear(),
        head=linear(4, 3),
    ),
    "index_put": net(lambda n, x: n.head(_put(n.a(x))), a=linear(), head=linear(4, 3)),
    "clone_detach_sum": net(lambda n, x: n.head(n.a(x) + n.a(x).detach()), a=linear(), head=linear(4, 3)),
    "autograd_inside": net(lambda n, x: _with_forces(n, x), a=linear(), head=linear(4, 3)),
    "vmap_inside": net(lambda n, x: torch.vmap(lambda row: n.head(n.a(row).tanh()))(x), a=linear(), head=linear(4, 3)),
    "checkpointed": net(
        lambda n, x: n.head(torch.utils.checkpoint.checkpoint(lambda z: n.a(z).tanh(), x, use_reentrant=False)),
        a=linear(),
        head=linear(4, 3),
    ),
    "log_outputs": net(lambda n, x: n.head(n.a(x).relu()).log_softmax(-1), a=linear(), head=linear(4, 3)),
    "zeros_head": seeded(lambda: _zero_head()),
    "one_layer": seeded(lambda: nn.Linear(4, 3)),
    "deep_linear": seeded(lambda: nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(3)), nn.Linear(4, 3))),
    "mixture_of_experts": seeded(Mixture),
    "soft_mixture": seeded(lambda: Mixture(soft=True)),
    "low_rank_adapter": seeded(LowRank),
    "embedding_bag_like": net(
        lambda n, x: n.head((n.a(x).softmax(-1) @ n.table.weight).tanh()),
        a=linear(4, 7),
        table=lambda: nn.Embedding(7, 4),
        head=linear(4, 3),
    ),
}


def _write(z):
    z = z.clone()
    z[:, 0] = z[:, 1] * 2
    return z


def _put(z):
    return torch.zeros_like(z).index_put((torch.arange(len(z))[:, None], torch.tensor([[3, 1]])), z[:, :2]).tanh()


def _with_forces(n, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        energy = n.a(x).tanh().sum()
        (forces,) = torch.autograd.grad(energy, x, create_graph=True)
    return n.head(forces)


def _zero_head():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    nn.init.zeros_(model[2].weight)
    return model


def conv3d():
    def draw():
        generator = torch.Generator().manual_seed(1)
        return [(torch.randn(2, 1, 4, 4, 4, generator=generator, dtype=torch.float64), torch.tensor([0, 2]))]

    build = net(lambda n, x: n.head(n.c(x).relu().flatten(2).mean(2)), c=lambda: nn.Conv3d(1, 3, 2), head=linear(3, 3))
    return Case("plain/conv3d", build, draw)


CASES = [
    *(Case(f"plain/activation/{name}", perceptron(kind), vectors()) for name, kind in ACTIVATIONS.items()),
    *(Case(f"plain/norm/{name}", norm_net(kind), vectors()) for name, kind in NORMS.items()),
    *(Case(f"plain/image/{name}", convolutional(kind), images()) for name, kind in POOLS.items()),
    *(Case(f"plain/function/{name}", build, vectors()) for name, build in FUNCTIONS.items()),
    Case(
        "plain/overwritten",
        net(lambda n, x: n.head(n.a(x).tanh().masked_fill_(x > 0, 0.5)), a=linear(), head=linear(4, 3)),
        vectors(),
        refused="backpropagation failed",
    ),
    Case("plain/power_at_zero", convolutional(lambda: nn.LPPool2d(2, 2)), images(), refused="NaN or infinite"),
    Case("plain/tied", seeded(Tied), tokens()),
    Case("plain/tied_padding_index", seeded(lambda: Tied(padding_idx=3)), tokens()),
    conv3d(),
]
