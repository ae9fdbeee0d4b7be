"""Alpha of attention and MLP layers of a small GPT-2, trained on this file's own text."""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

from layercurv.curvature import CrossEntropy
from layercurv.measure import alpha_map
from layercurv.models.transformers_import import transformers

torch.manual_seed(0)
tokens = torch.tensor(list(Path(__file__).read_bytes()))
inputs, targets = tokens[:-1].unfold(0, 32, 16), tokens[1:].unfold(0, 32, 16)

config = transformers.GPT2Config(
    vocab_size=256, n_positions=32, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
)
model = transformers.GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(80):
    chosen = torch.randint(len(inputs), (32,))
    loss = nn.functional.cross_entropy(model(inputs[chosen]).logits.flatten(0, 1), targets[chosen].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

batch = inputs[:32], targets[:32]
found = alpha_map(model.eval(), CrossEntropy(), [batch], top_k=8, layers="transformer.*", decompose=False, bar=False)
print(found.summary())

figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
for x, layer in enumerate(found):
    colour = "#0072B2" if ".attn." in layer.name else "#D55E00"
    if layer.alpha is not None:
        axes.plot(x, layer.alpha, "o", color=colour)
        axes.vlines(x, *layer.interval, color=colour)
axes.set_xticks(range(len(found)), [layer.name.removeprefix("transformer.h.") for layer in found], rotation=30)
axes.set_ylabel("alpha")
axes.set_title("attention blue, MLP orange", loc="left", fontsize=9)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "language_model.png", dpi=150)
