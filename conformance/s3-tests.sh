#!/usr/bin/env bash
# Ceph's S3 conformance suite against the gateway: passed and failed per area, and what differs from the
# committed list of expected failures, S3-TESTS.md (exit status 1 if anything does).
#
#   git clone https://github.com/ceph/s3-tests /tmp/s3-tests
#   conformance/s3-tests.sh /tmp/s3-tests                       the everyday API, 431 tests
#   conformance/s3-tests.sh /tmp/s3-tests --area versioning     one area
#   conformance/s3-tests.sh --help                              all options, and what Python needs
#
# It starts a gateway of its own on 127.0.0.1, in a temporary directory, and ends nothing but that.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$here/../dist/conformance/s3-tests/run.js
if [ ! -f "$program" ]; then
  echo 'run "npm ci && npm run build" first' >&2
  exit 2
fi
exec node "$program" "$@"
