"""The networks under study, torchvision inside.

- `vision_import`: torchvision, also where its compiled operators do not fit the installed torch
- `transformers_import`: transformers, after torchvision
- `resnet`: ResNet-18 with the CIFAR stem and a width option
"""

from layercurv.models.resnet import resnet18_cifar

__all__ = ["resnet18_cifar"]
