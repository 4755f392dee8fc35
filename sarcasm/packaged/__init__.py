"""A fitted model as a folder that goes from sound to the probability of sarcastic, in the same steps as training.

    with Package.load(folder) as package:
        prediction = package.predict(package.read(Path("clip.wav")))

The folder holds `description.json` (see `Description`), `saved_model/` (TensorFlow's), `transform.npz` (what was fitted
before the head), maybe `pca.npz` (VGGish's released PCA) and `weights/` (the network's, where they are included), and
no pickles.
"""

from sarcasm.packaged.description import Description, Kind, Origin, Way, Weights
from sarcasm.packaged.package import Package, Piece, Prediction
from sarcasm.packaged.save import save

__all__ = ["Description", "Kind", "Origin", "Package", "Piece", "Prediction", "Way", "Weights", "save"]
