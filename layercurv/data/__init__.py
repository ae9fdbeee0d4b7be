"""Image data sets as tensors in memory.

- `image_data`: the container every loader returns
- `shards`: Parquet shards from a local folder (checksums verified) or from the hub
- `images`: decode shards into an `ImageData`
- `synthetic`: generated images for smoke runs and tests
- `batches`: seeded augmentation and batching
"""

from layercurv.data.batches import TrainingBatches, measurement_batches, normalized_batches
from layercurv.data.image_data import ImageData
from layercurv.data.images import load_images
from layercurv.data.synthetic import generate_images

__all__ = [
    "ImageData",
    "TrainingBatches",
    "generate_images",
    "load_images",
    "measurement_batches",
    "normalized_batches",
]
