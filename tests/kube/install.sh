#!/usr/bin/env bash
# Install what a node of the tests is made of beside Kubernetes' own programs (containerd, runc, network plugins), and what
# the image of the chart is built by.
# Without root nothing is changed; the tests then say what they miss.
set -euo pipefail

missing=0
for program in containerd runc ip buildah debootstrap; do
  command -v "$program" >/dev/null || missing=1
done
if [ $missing = 0 ] && [ -x /usr/lib/cni/bridge ]; then
  exit 0
fi
packages='containerd runc containernetworking-plugins iproute2 buildah debootstrap'
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "A node cannot be started: the tests that need one are skipped (Debian, as root: apt-get install $packages)" >&2
  exit 0
fi
echo "Installing $packages for the tests ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
# The services of the packages are not started: each node of the tests has its own.
# shellcheck disable=SC2086
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $packages >/dev/null
