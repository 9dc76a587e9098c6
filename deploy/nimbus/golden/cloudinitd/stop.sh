#!/bin/sh
# What was acknowledged is on the disk.
set -eu
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo "${BLOBSEER_ROOT:-}/usr/local/lib/blobseer/machine" stop
