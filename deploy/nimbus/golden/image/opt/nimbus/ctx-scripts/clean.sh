#!/bin/sh
# Run before the context agent: the addresses of another life of this machine are gone.
set -eu
root=${BLOBSEER_ROOT:-}

rm -rf "$root/var/lib/blobseer-context"
if [ -e "$root/etc/hosts.clean" ]; then
  cp "$root/etc/hosts.clean" "$root/etc/hosts"
fi
: >"$root/etc/hosts.equiv"
: >"$root/opt/nimbus/ctxlog.txt"
rm -rf "$root/opt/nimbus/ctx/tmp"
mkdir -p "$root/opt/nimbus/ctx/tmp"
