"""Data sets as tensors in memory: images, and text as bytes or tokens.

- `shards`: Parquet shards from a local folder (checksums verified) or from the hub
- `image_data`: the container of image sets; `images` decodes shards into it, `synthetic` generates one
- `photos`: photos of any size, for networks that are already trained
- `text_data`: the container of text windows; `text` cuts them from shards, or generates them
- `model_samples`: text windows that a language model writes itself
- `whitened`: a linear teacher on inputs whose empirical covariance is prescribed
- `batches`: seeded augmentation and batching of images
- `streams`: independent random streams by purpose

Both containers have `training_batches`, `test_batches`, `measurement_batches`, `to` and `provenance`.
"""

from layercurv.data.batches import TrainingBatches, measurement_batches, normalized_batches
from layercurv.data.image_data import ImageData
from layercurv.data.images import load_images
from layercurv.data.model_samples import sample_windows
from layercurv.data.photos import load_photos
from layercurv.data.synthetic import generate_images
from layercurv.data.text import generate_text, load_authors, load_text
from layercurv.data.text_data import TextWindows

__all__ = [
    "ImageData",
    "TextWindows",
    "TrainingBatches",
    "generate_images",
    "generate_text",
    "load_authors",
    "load_images",
    "load_photos",
    "load_text",
    "measurement_batches",
    "normalized_batches",
    "sample_windows",
]
