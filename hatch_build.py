"""Wheels carry the console's pages: they are built where Node.js is, and else the wheel says that it has none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg,misc] # hatchling is there while building only
    """Builds the pages before a wheel is packed.

    `FLYTELIKE_CONSOLE=off` leaves them out; with `FLYTELIKE_CONSOLE=required` a wheel without them is an error.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages, except for editable installs."""
        del build_data
        wish = os.environ.get("FLYTELIKE_CONSOLE", "")
        if version == "editable" or wish == "off":
            return
        script = Path(self.root) / "flytelike" / "console" / "web" / "build.py"
        done = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, text=True)
        if done.returncode:
            told = f"this wheel has no console: {done.stderr.strip() or 'the build failed'}"
            if wish == "required":
                raise RuntimeError(told)
            self.app.display_warning(told)
