"""What a checkpoint is refused to, what stands in its place, and losses that take gradients themselves."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import BatchLoss, CrossEntropy, OutputLoss, parameters
from layercurv.errors import InputError
from layercurv.measure import alpha_map
from layercurv.measure.resume import Resumable


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).double().eval()


def samples():
    generator = torch.Generator().manual_seed(1)
    draws = [(torch.randn(n, 6, generator=generator), torch.randint(4, (n,), generator=generator)) for n in (5, 3)]
    return [(x.double(), y) for x, y in draws]


def interrupted(monkeypatch, after, *given, **options):
    """Measure until the n-th part is kept."""
    save, count = Resumable._save, iter(range(after))

    def save_or_stop(self):
        save(self)
        if next(count, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Resumable, "_save", save_or_stop)
        with pytest.raises(KeyboardInterrupt):
            alpha_map(*given, bar=False, **options)


@pytest.mark.parametrize("after", [2, 4, 6])
def test_a_checkpoint_is_refused_where_only_second_derivatives_differ(tmp_path, monkeypatch, after):
    def bent(size):  # zero with its gradient, yet not with its second derivative
        return lambda outputs, y: F.cross_entropy(outputs, y) + size * (outputs - outputs.detach()).square().sum()

    file = tmp_path / "kept.pt"
    interrupted(monkeypatch, after, network(), OutputLoss(bent(0.0), "mean"), samples(), 3, checkpoint=file)
    with pytest.raises(InputError, match="the second derivative of layer 0 on the first micro-batch is another now"):
        alpha_map(network(), OutputLoss(bent(5.0), "mean"), samples(), 3, bar=False, checkpoint=file)


def test_a_checkpoint_without_a_check_is_refused_where_one_is_wanted(tmp_path, monkeypatch):
    file = tmp_path / "kept.pt"
    interrupted(monkeypatch, 4, network(), CrossEntropy(), samples(), 3, checkpoint=file, check=None)
    with pytest.raises(InputError, match="made with another configuration"):
        alpha_map(network(), CrossEntropy(), samples(), 3, bar=False, checkpoint=file)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="expected a file for the checkpoint, found a folder"):
        alpha_map(network(), CrossEntropy(), samples(), 3, bar=False, checkpoint=tmp_path)


def test_an_ending_of_no_picture_is_told(tmp_path):
    found = alpha_map(network(), CrossEntropy(), samples(), 3, bar=False)
    with pytest.raises(InputError, match=r"expected a picture's ending, one of .*png.*, got '.xyz'"):
        found.plot(tmp_path / "map.xyz")


def penalty(model, batch):
    x = batch[0].detach().requires_grad_()
    loss = F.cross_entropy(model(x), batch[1])
    return loss + torch.autograd.grad(loss, x, create_graph=True)[0].square().sum(1).mean()


def test_a_loss_that_takes_gradients_has_a_map():
    model, batches = network(), samples()
    found = alpha_map(model, BatchLoss(penalty, "mean"), batches, 3, bar=False)
    mean = sum(penalty(model, batch) * len(batch[0]) for batch in batches) / 8
    assert found.mean_loss == pytest.approx(float(mean), rel=1e-12)
    weight = model[0].weight
    (gradient,) = torch.autograd.grad(mean, weight, create_graph=True)
    U, S, Vh = torch.linalg.svd(gradient.detach())
    torch.testing.assert_close(torch.tensor(found["0"].sigma), S[:3], rtol=1e-8, atol=1e-12)
    for k, h in enumerate(found["0"].h):
        D = torch.outer(U[:, k], Vh[k])
        (product,) = torch.autograd.grad((gradient * D).sum(), weight, retain_graph=True)
        assert h == pytest.approx(float((product * D).sum()), rel=1e-8)


class Flat(nn.Module):
    """A perceptron whose weights are views of one parameter."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.flat = nn.Parameter(torch.randn(6 * 5 + 5 * 4).double())

    def forward(self, x):
        return F.linear(F.linear(x, self.flat[:30].view(5, 6)).tanh(), self.flat[30:].view(4, 5))


def test_a_parameter_is_measured_by_name_where_there_is_no_layer():
    model, batches = Flat().eval(), samples()
    (layer,) = alpha_map(model, CrossEntropy(), batches, 3, layers="flat", bar=False)
    mean = sum(F.cross_entropy(model(x), y) * len(x) for x, y in batches) / 8
    (gradient,) = torch.autograd.grad(mean, model.flat, create_graph=True)
    D = gradient.detach() / gradient.detach().norm()
    (product,) = torch.autograd.grad((gradient * D).sum(), model.flat)
    assert layer.h.tolist() == pytest.approx([float((product * D).sum())], rel=1e-8)
    with pytest.raises(
        InputError, match=r"no weight layer fits 'other'; the network has: none, and the parameters flat"
    ):
        alpha_map(model, CrossEntropy(), batches, 3, layers="other", bar=False)
    with pytest.raises(InputError, match=r"expected at least one nn\.Linear or nn\.Conv layer"):
        alpha_map(model, CrossEntropy(), batches, 3, bar=False)


def test_a_shared_parameter_has_each_of_its_names():
    model = nn.ModuleDict({"embed": nn.Embedding(5, 4), "head": nn.Linear(4, 5, bias=False)})
    model["head"].weight = model["embed"].weight
    assert [found.name for found in parameters(model)] == ["embed.weight"]
    (found,) = parameters(model, "head.weight")
    assert found.name == "head.weight" and found.weight is model["embed"].weight
