"""Write the pictures of the documents. A picture stays as it is if a new one would differ in numbers and times alone.

To draw one anew all the same, delete it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.pictures import PICTURES, shown_in
from tests.pictures.notebook import chromium
from tests.pictures.scenes import scenes, settled

# The log names it, and so do the pictures.
FOLDER = Path(tempfile.gettempdir(), "stripe-raw-pictures")


def main() -> None:
    """Run the scenes, and write what has changed."""
    chromium()
    shutil.rmtree(FOLDER, ignore_errors=True)
    PICTURES.mkdir(exist_ok=True)
    for picture in scenes(FOLDER, paced=True):
        path = PICTURES / picture.name
        is_same = path.exists() and settled(shown_in(path)) == settled(picture.lines)
        if not is_same:
            path.write_bytes(picture.draw())
        sys.stdout.write(f"{path}: {'the same' if is_same else 'drawn'}\n")
    shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main()
