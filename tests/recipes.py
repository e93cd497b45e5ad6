"""The recipes of the justfile, for tests that need what they fetch or build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def output_of(*arguments: str) -> str:
    """Run `just`; what it printed. Without Go, outside of CI, a recipe that fails skips the test."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    just = shutil.which("just", path=places)
    assert just is not None, "just comes with the development tools"
    root = Path(__file__).parents[1]
    done = subprocess.run([just, *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        skip_without_go()
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def skip_without_go() -> None:
    """Skip the test if Go is not here, and this is not CI."""
    if shutil.which("go") is None and os.environ.get("CI") != "true":
        pytest.skip("this needs Go, which is not here")
