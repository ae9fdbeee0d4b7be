"""The networks under study, torchvision's and transformers' own classes in other sizes.

- `vision_import`: torchvision, also where its compiled operators do not fit the installed torch
- `transformers_import`: transformers, after torchvision
- `sizes`: checks of the sizes asked for
- `resnet`: ResNet-18 and ResNet-50 with a width option, the CIFAR stem or torchvision's
- `weight_files`: files of weights that others trained, checksums verified
- `resnet50_pqf`: ResNet-50 with ImageNet weights, torchvision's or product-quantised ones
- `resnet_cifar_published`: ResNet-20 to ResNet-56 for CIFAR-10 with published weights
- `vgg`: VGG-11 and VGG-16 with a width option and one linear head
- `mobilenet_v2`: MobileNetV2, with a stem for small images
- `convnext`: ConvNeXt with any widths, depths and patch size
- `mlp`: the perceptron on pixels
- `deep_linear`: linear layers in a chain, with or without an activation
- `norms`: RMSNorm, BatchNorm over tokens or nothing in the place of LayerNorm
- `vit`: the vision transformer
- `gpt2`: GPT-2, as language model and as classifier
- `causal_lm`: language models that others trained, from a GGUF file or the hub

`vit`, `gpt2` and `causal_lm` are imported by name only: they load transformers, which takes seconds.
"""

from layercurv.models.convnext import convnext
from layercurv.models.deep_linear import deep_linear
from layercurv.models.mlp import mlp
from layercurv.models.mobilenet_v2 import mobilenet_v2
from layercurv.models.resnet import resnet18_cifar, resnet50
from layercurv.models.resnet50_pqf import resnet50_imagenet
from layercurv.models.resnet_cifar_published import published_resnet_cifar
from layercurv.models.vgg import vgg

__all__ = [
    "convnext",
    "deep_linear",
    "mlp",
    "mobilenet_v2",
    "published_resnet_cifar",
    "resnet18_cifar",
    "resnet50",
    "resnet50_imagenet",
    "vgg",
]
