"""Scripts that let a shell complete commands, options, their values and the names of lists, made from the rows."""

from __future__ import annotations

from stripe_raw_rs.cli.completions.bash import script as bash
from stripe_raw_rs.cli.completions.fish import script as fish
from stripe_raw_rs.cli.completions.zsh import script as zsh


def completions(shell: str) -> str:
    """The script for a shell."""
    return {"bash": bash, "zsh": zsh, "fish": fish}[shell]().rstrip()
