"""Full-batch gradient descent at a fixed rate: sharpness rises to 2 / rate, and the steps turn to where it is steep."""

import sys

import torch
from matplotlib.figure import Figure
from torch import nn

from layercurv.curvature import SquaredError
from layercurv.curvature.spectrum import curvature_matrix

torch.manual_seed(0)
RATE, STEPS, EVERY = 0.4, 300, 15
inputs = torch.randn(64, 8)
targets = torch.sin(2 * inputs[:, :3])
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3))
parameters = list(model.parameters())
H = curvature_matrix(model.eval(), SquaredError(), [(inputs, targets)])

times, sharpness, along_step, losses = [], [], [], []
for step in range(STEPS):
    loss = SquaredError().sum_loss(model(inputs), targets) / len(inputs)
    gradient = torch.autograd.grad(loss, parameters)
    if step % EVERY == 0:
        g = torch.cat([part.flatten() for part in gradient])
        times.append(step)
        losses.append(loss.item())
        sharpness.append(H.top(1).values.item())
        along_step.append((g @ (H @ g) / (g @ g)).item())  # curvature along the step that is about to be taken
    with torch.no_grad():
        for parameter, part in zip(parameters, gradient, strict=True):
            parameter -= RATE * part

figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
axes.axhline(2 / RATE, color="#8C8C8C", linestyle="--", linewidth=0.8, label="2 / rate")
axes.plot(times, sharpness, color="#0072B2", label="largest eigenvalue of the Hessian")
axes.plot(times, along_step, color="#D55E00", label="curvature along the step")
axes.set_xlabel("step")
axes.legend(frameon=False, fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "optimizer.png", dpi=150)
