#!/bin/sh
# Makes this machine a version-manager, at the level "managers".
set -eu
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/members" "$context/addresses"
cat >"$context/members/version-manager" <<'CONFIGURATION'
# version-manager, port 7001
# The BlobSeer of the deployment lab.
vmanager: {
  service = "7001";
};
pmanager: {
  service = "7002";
};
provider: {
  service = "7010";
  space = 102400;
  retry = 1;
  deduplication = false;
  ft_engine = "replication";
};
sdht: {
  space = 10240;
};
dht: {
  service = "7003";
  replication = 2;
  timeout = 10;
  cachesize = 1048576;
};
security: {
  ca_file = "ca.pem";
  cert_file = "cert.pem";
  key_file = "key.pem";
  plain_networks = ( "10.1.0.0/16" );
};
CONFIGURATION
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo "${BLOBSEER_ROOT:-}/usr/local/lib/blobseer/machine" configure "$context"
