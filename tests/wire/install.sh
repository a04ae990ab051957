#!/usr/bin/env bash
# Install stock flytekit, with exactly the versions of requirements.txt, into an environment of its own
# outside of the project, and print its folder. Made once for each list of versions and Python.
# With --find it only prints the folder; exits 1 when it is not there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-$here/../../.venv/bin/python}"
uv="$here/../../.venv/bin/uv"

tag="$("$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])')"
digest="$(sha256sum "$here/requirements.txt" | cut -c1-12)"
folder="${XDG_CACHE_HOME:-$HOME/.cache}/flytelike/flytekit-$tag-$digest"

# The Python it was made from may be gone.
ready() { [ -e "$folder/.ready" ] && "$folder/bin/python" -c '' 2>/dev/null; }

if [ "${1:-}" = --find ]; then
  ready || exit 1
elif ! ready; then
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9
  if ! ready; then
    echo "Installing stock flytekit for the wire tests into $folder ..." >&2
    rm -rf "$folder"
    if [ -x "$uv" ]; then
      "$uv" venv -q --python "$python" "$folder" >&2
      "$uv" pip install -q --compile-bytecode --require-hashes --python "$folder/bin/python" -r "$here/requirements.txt" >&2
    else
      "$python" -m venv "$folder" >&2
      "$folder/bin/python" -m pip install -q --require-hashes -r "$here/requirements.txt" >&2
    fi
    touch "$folder/.ready"
  fi
fi
echo "$folder"
