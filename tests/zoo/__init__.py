"""Networks, losses, batches and parameters as people have them, each held against plain double backpropagation.

- `case`: what a case is
- `oracle`: double backpropagation in float64, and finite differences of the gradient; nothing of the engines
- `plain`: networks written in torch; `published` those of torchvision and transformers
- `tasks`: losses and kinds of batches; `moved`: parameters and directions
- `hostile`: what tells autograd, or the tape, something else than it computes
"""
