#!/bin/sh
# Makes this machine a version-manager, at the level "gateways".
set -eu
# shellcheck source=/dev/null
. ./bootenv.sh
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/members" "$context/addresses"
printf '%s\n' "${version_manager:?}" | tr , '\n' >"$context/addresses/version-manager"
printf '%s\n' "${provider_manager:?}" | tr , '\n' >"$context/addresses/provider-manager"
printf '%s\n' "${metadata_providers:?}" | tr , '\n' >"$context/addresses/metadata-provider"
cat >"$context/members/version-manager" <<'CONFIGURATION'
# version-manager, port 7001
# The BlobSeer of the deployment lab.
vmanager: {
  host = "@VERSION_MANAGER@";
  service = "7001";
};
pmanager: {
  host = "@PROVIDER_MANAGER@";
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
  gateways = ( "@METADATA_PROVIDERS@" );
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
