#!/usr/bin/env bash
# Install the programs that some tests need, where that is possible: PostgreSQL, and Chromium for the console.
# Without root nothing is changed; the tests then say what they miss.
set -euo pipefail

wanted=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || wanted+=(postgresql)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || wanted+=(chromium)
if [ ${#wanted[@]} = 0 ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed: ${wanted[*]}; the tests that need them are skipped (Debian: apt-get install ${wanted[*]})" >&2
  exit 0
fi
echo "Installing ${wanted[*]} for the tests ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
