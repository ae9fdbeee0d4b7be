"""Import transformers after torchvision, which it would otherwise import by itself and fail (see `vision_import`)."""

import importlib

import layercurv.models.vision_import  # ruff: ignore[unused-import]

transformers = importlib.import_module("transformers")
