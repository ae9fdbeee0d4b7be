"""Networks, losses, batches and parameters as people have them, each held against plain double backpropagation.

- `case`: what a case is
- `oracle`: double backpropagation in float64, and finite differences of the gradient; nothing of the engines
- `plain`, `sequences`: networks written in torch; `vision` those of torchvision, `published` those of transformers
- `tasks`: losses; `brought`: batches; `counted`: samples not on the first axis; `moved`: parameters and directions
- `told`: what tells autograd something else than it computes
- `hostile`: what decides by values, mixes samples, draws at random, computes its weights, or is not precise
- `test_random_networks`: networks composed at random
"""
