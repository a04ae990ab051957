#!/usr/bin/env bash
# Install the server programs that some tests need, where that is possible: PostgreSQL.
# Without root nothing is changed; the tests then say what they miss.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "PostgreSQL is not installed: the tests that need it are skipped (Debian: apt-get install postgresql)" >&2
  exit 0
fi
echo "Installing PostgreSQL for the tests ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends postgresql >/dev/null
