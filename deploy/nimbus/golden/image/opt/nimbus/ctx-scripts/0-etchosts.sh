#!/bin/sh
# Run for each machine of the context: address, short name, full name.
set -eu
root=${BLOBSEER_ROOT:-}

line="$1 $3 $2"
grep -qxF "$line" "$root/etc/hosts" || echo "$line" >>"$root/etc/hosts"
