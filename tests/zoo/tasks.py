"""Losses of every kind, on small networks."""

import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import BatchLoss, CrossEntropy, EntrywiseLoss, OutputLoss, SquaredError
from tests.zoo.case import Case, images, seeded
from tests.zoo.plain import linear, net

C = 3
RELU = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, C)))
TANH = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, C)))
ONE = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)))
PROBABILITIES = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, C), nn.Sigmoid()))
LOG_PROBABILITIES = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, C), nn.LogSoftmax(-1)))
POSITIVE = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, C), nn.Softplus()))
WEIGHT = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)


def targets(draw, inputs=None):
    """Two micro-batches of different size with targets drawn by a function of size and generator."""

    def made():
        generator = torch.Generator().manual_seed(5)
        found = []
        for n in (5, 3):
            x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
            found.append((x, draw(n, generator)))
        return found

    return made


def real(*shape):
    return targets(lambda n, g: torch.randn(n, *shape, generator=g, dtype=torch.float64))


def labels(ignored=None, n_classes=C):
    def draw(n, g):
        y = torch.randint(0, n_classes, (n,), generator=g)
        if ignored is not None:
            y[1::2] = ignored
        return y

    return targets(draw)


def soft():
    return targets(lambda n, g: torch.randn(n, C, generator=g, dtype=torch.float64).softmax(-1))


def bits(*shape):
    return targets(lambda n, g: torch.randint(0, 2, (n, *shape), generator=g).double())


def counts():
    return targets(lambda n, g: torch.randint(0, 5, (n, C), generator=g).double())


def own(module):
    return lambda model, batch: module(model(batch[0]), batch[1])


def same(name, module, batches, *builds):
    return [Case(f"loss/{name}/{i}", build, batches, module, own(module)) for i, build in enumerate(builds)]


def contrastive(outputs, _targets):
    z = F.normalize(outputs)
    return F.cross_entropy(z @ z.roll(1, 0).T * 3, torch.arange(len(z)))


class OnlySum:
    """An own loss with one method."""

    def sum_loss(self, outputs, targets):
        return (outputs.exp() - targets * outputs).mean(1).sum()


class Cubic(OnlySum):
    """An own loss with all methods, one of them wrong."""

    def output_gradient(self, outputs, targets):
        return (outputs.exp() - targets) / outputs.shape[1]

    def n_root_columns(self, output_shape):
        return output_shape[1]

    def root_columns(self, outputs):
        for c in range(outputs.shape[1]):
            column = torch.zeros_like(outputs)
            column[:, c] = (outputs[:, c].exp() / outputs.shape[1]).sqrt()
            yield column

    def sampled_columns(self, outputs, count, generator):
        raise NotImplementedError

    def quadratic_form(self, outputs, tangents):
        return 1.1 * (outputs.exp() * tangents.square()).mean(2)


class Right(Cubic):
    def quadratic_form(self, outputs, tangents):
        return (outputs.exp() * tangents.square()).mean(2)


def own_exponential(model, batch):
    outputs = model(batch[0])
    return (outputs.exp() - batch[1] * outputs).mean()


def penalised(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1]) + 0.1 * sum(p.square().sum() for p in model.parameters())


def gradient_penalty(model, batch):
    x = batch[0].detach().requires_grad_()
    loss = F.cross_entropy(model(x), batch[1])
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    return loss + g.square().sum(1).mean()


def two_views(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1]) + (model(batch[0]) - model(-batch[0])).square().mean()


LOSSES = [
    *same("cross_entropy", nn.CrossEntropyLoss(), labels(), RELU, TANH),
    *same("ignored", nn.CrossEntropyLoss(), labels(-100), RELU, TANH),
    *same("ignore_index", nn.CrossEntropyLoss(ignore_index=1), labels(), RELU, TANH),
    *same("class_weights", nn.CrossEntropyLoss(weight=WEIGHT), labels(), RELU, TANH),
    *same("smoothing", nn.CrossEntropyLoss(label_smoothing=0.2), labels(), RELU, TANH),
    *same("all_options", nn.CrossEntropyLoss(WEIGHT, ignore_index=0, label_smoothing=0.3), labels(), RELU, TANH),
    *same("soft_labels", nn.CrossEntropyLoss(), soft(), RELU, TANH),
    *same("soft_labels_all", nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), soft(), RELU, TANH),
    *same("mse", nn.MSELoss(), real(C), RELU, TANH),
    *same("mse_one", nn.MSELoss(), real(1), ONE),
    *same("mse_broadcast", nn.MSELoss(), real(), ONE),
    *same("huber", nn.HuberLoss(delta=0.7), real(C), RELU, TANH),
    *same("smooth_l1", nn.SmoothL1Loss(beta=0.5), real(C), RELU, TANH),
    *same("l1", nn.L1Loss(), real(C), RELU, TANH),
    *same("bce", nn.BCEWithLogitsLoss(), bits(C), RELU, TANH),
    *same("bce_options", nn.BCEWithLogitsLoss(weight=WEIGHT, pos_weight=WEIGHT), bits(C), RELU, TANH),
    *same("bce_one", nn.BCEWithLogitsLoss(), bits(1), ONE),
    *same("bce_probabilities", nn.BCELoss(), bits(C), PROBABILITIES),
    *same("poisson", nn.PoissonNLLLoss(), counts(), RELU, TANH),
    *same("poisson_rates", nn.PoissonNLLLoss(log_input=False, full=True), counts(), POSITIVE),
    *same("nll", nn.NLLLoss(), labels(), LOG_PROBABILITIES),
    *same("nll_weighted", nn.NLLLoss(WEIGHT, ignore_index=0), labels(), LOG_PROBABILITIES),
    *same("kl", nn.KLDivLoss(), soft(), LOG_PROBABILITIES),
    *same("kl_batchmean", nn.KLDivLoss(reduction="batchmean"), soft(), LOG_PROBABILITIES),
    Case("loss/multi_margin", TANH, labels(), nn.MultiMarginLoss(p=2), refused="not implemented"),
    *same("soft_margin", nn.SoftMarginLoss(), bits(C), TANH),
    *same("multilabel_soft_margin", nn.MultiLabelSoftMarginLoss(), bits(C), TANH),
    Case("loss/sum_refused", RELU, labels(), nn.CrossEntropyLoss(reduction="sum"), refused="expected a mean"),
    Case("loss/function_refused", RELU, labels(), F.cross_entropy, refused="reduction is not known"),
    Case("loss/ours_ignored", RELU, labels(-100), CrossEntropy(), own(nn.CrossEntropyLoss())),
    Case("loss/ours_weights", TANH, labels(), CrossEntropy(weight=WEIGHT), own(nn.CrossEntropyLoss(WEIGHT))),
    Case(
        "loss/all_ignored_refused",
        RELU,
        targets(lambda n, g: torch.full((n,), -100)),
        CrossEntropy(),
        refused="ignored",
    ),
    Case("loss/labels_out_of_range", RELU, labels(n_classes=9), CrossEntropy(), refused="expected labels from 0 to 2"),
    Case(
        "loss/labels_too_few", RELU, targets(lambda n, g: torch.zeros(n - 1).long()), nn.CrossEntropyLoss(), refused="."
    ),
    Case(
        "loss/int32_labels",
        RELU,
        targets(lambda n, g: torch.randint(0, C, (n,), generator=g).int()),
        CrossEntropy(),
        lambda m, b: F.cross_entropy(m(b[0]), b[1].long()),
    ),
    Case("loss/squared", TANH, real(C), SquaredError(), lambda m, b: 0.5 * (m(b[0]) - b[1]).square().sum(1).mean()),
    Case("loss/squared_broadcast_refused", ONE, real(), SquaredError(), refused="expected targets shaped like"),
    Case(
        "loss/entrywise",
        TANH,
        real(C),
        EntrywiseLoss(lambda f, y: (f - y).cosh()),
        lambda m, b: (m(b[0]) - b[1]).cosh().mean(),
    ),
    Case(
        "loss/output_sum",
        TANH,
        real(C),
        OutputLoss(lambda f, y: (f - y).pow(4).sum(), "sum"),
        lambda m, b: (m(b[0]) - b[1]).pow(4).sum() / len(b[0]),
    ),
    Case(
        "loss/output_concave",
        TANH,
        real(C),
        OutputLoss(lambda f, y: -(f - y).square().mean(), "mean"),
        lambda m, b: -(m(b[0]) - b[1]).square().mean(),
    ),
    Case("loss/contrastive", TANH, real(C), OutputLoss(contrastive, "mean"), lambda m, b: contrastive(m(b[0]), None)),
    Case("loss/only_sum", TANH, real(C), OnlySum(), own_exponential),
    Case("loss/own_wrong_form", RELU, real(C), Cubic(), own_exponential, engines=frozenset(["double_backward"])),
    Case("loss/own_right_form", RELU, real(C), Right(), own_exponential, engines=frozenset(["ggn", "tangent"])),
    Case("loss/batch", TANH, labels(), BatchLoss(own(F.cross_entropy), "mean"), own(F.cross_entropy)),
    Case(
        "loss/batch_sum",
        TANH,
        labels(),
        BatchLoss(own(nn.CrossEntropyLoss(reduction="sum")), "sum"),
        own(F.cross_entropy),
    ),
    Case("loss/weight_decay", TANH, labels(), BatchLoss(penalised, "mean"), penalised),
    Case("loss/gradient_penalty", TANH, labels(), BatchLoss(gradient_penalty, "mean"), gradient_penalty),
    Case("loss/two_passes", TANH, labels(), BatchLoss(two_views, "mean"), two_views),
    Case(
        "loss/batch_not_a_number", TANH, labels(), BatchLoss(lambda m, b: m(b[0]), "mean"), refused="expected one real"
    ),
    Case("loss/nan", TANH, labels(), BatchLoss(lambda m, b: m(b[0]).sum().log() * torch.nan, "mean"), refused="NaN"),
]

PER_POSITION = net(lambda n, x: n.head(n.a(x).relu()), a=linear(), head=linear(4, C))
CHANNELS_FIRST = net(lambda n, x: n.head(n.a(x).relu()).movedim(-1, 1), a=linear(), head=linear(4, C))
FLAT = net(lambda n, x: n.head(n.a(x).tanh()).flatten(0, 1), a=linear(), head=linear(4, C))
PIXELS = net(
    lambda n, x: n.head(n.a(x).relu()), a=lambda: nn.Conv2d(3, 4, 3, padding=1), head=lambda: nn.Conv2d(4, C, 1)
)
SQUARE_VOCABULARY = net(lambda n, x: n.head(n.a(x).tanh()), a=linear(), head=linear(4, 4))


def positions(*shape, flat=False, ignored=False, n_classes=C):
    def made():
        generator = torch.Generator().manual_seed(6)
        found = []
        for n in (3, 2):
            x = torch.randn(n, *shape, 4, generator=generator, dtype=torch.float64)
            y = torch.randint(0, n_classes, (n, *shape), generator=generator)
            if ignored:
                y[0, 1:] = -100
            found.append((x, y.flatten() if flat else y))
        return found

    return made


def last(model, batch):
    outputs = model(batch[0])
    return F.cross_entropy(outputs.flatten(0, -2), batch[1].flatten())


def pixel_labels():
    return [(x, torch.randint(0, C, (len(x), 8, 8), generator=torch.Generator().manual_seed(8))) for x, _ in images()()]


AXES = [
    Case("axis/last", PER_POSITION, positions(4), CrossEntropy(), last),
    Case("axis/last_by_torch", PER_POSITION, positions(4), nn.CrossEntropyLoss(), last),
    Case("axis/last_ignored", PER_POSITION, positions(4, ignored=True), CrossEntropy(), last),
    Case("axis/last_four_axes", PER_POSITION, positions(2, 3), CrossEntropy(), last),
    Case("axis/last_five_axes", PER_POSITION, positions(2, 1, 2), CrossEntropy(), last),
    Case("axis/first", CHANNELS_FIRST, positions(4), nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case("axis/first_ignored", CHANNELS_FIRST, positions(4, ignored=True), nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case("axis/first_by_option", CHANNELS_FIRST, positions(4), CrossEntropy(class_axis=1), own(F.cross_entropy)),
    Case("axis/first_four_axes", CHANNELS_FIRST, positions(2, 2), nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case("axis/pixels", PIXELS, pixel_labels, nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case(
        "axis/pixels_smoothed",
        PIXELS,
        pixel_labels,
        nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1),
        own(nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1)),
    ),
    Case("axis/flat", FLAT, positions(4, flat=True), nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case("axis/flat_ignored", FLAT, positions(4, flat=True, ignored=True), nn.CrossEntropyLoss(), own(F.cross_entropy)),
    Case(
        "axis/as_many_classes_as_positions",
        SQUARE_VOCABULARY,
        positions(4, n_classes=4),
        nn.CrossEntropyLoss(),
        own(F.cross_entropy),
    ),
    Case("axis/wrong_for_ours", CHANNELS_FIRST, positions(4), CrossEntropy(), refused="expected labels of shape"),
]


CASES = [*LOSSES, *AXES]
