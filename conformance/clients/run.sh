#!/usr/bin/env bash
# The real-client suite: the programs that people use against the gateway as they use it, over http
# and over https (botocore sends trailers only over https). Each client is a function of clients.sh.
#
#   conformance/clients/run.sh            all clients that are installed
#   conformance/clients/run.sh rclone     the clients whose name contains a word
#
# It starts gateways of its own in a temporary directory; `npm run build` must have been run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=clients.sh
source "$here/clients.sh"

client_timeout_seconds=120

# One client over one scheme, in a process of its own: the suite calls itself.
if [ "${1-}" = --one ]; then
  set -x
  "$2"
  exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/blobseer-s3-clients.XXXXXX")
declare -A servers=()
finish() {
  local server
  for server in "${servers[@]}"; do
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# --- certificates: an authority of our own, and a server certificate for 127.0.0.1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=conformance authority' \
  -addext 'basicConstraints=critical,CA:TRUE' \
  -addext 'keyUsage=critical,keyCertSign,cRLSign' \
  -keyout "$work/ca.key" -out "$work/ca.pem" 2>"$work/openssl.log"
openssl req -newkey rsa:2048 -nodes -subj '/CN=127.0.0.1' \
  -keyout "$work/server.key" -out "$work/server.csr" 2>>"$work/openssl.log"
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' >"$work/server.ext"
openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
  -days 2 -extfile "$work/server.ext" -out "$work/server.pem" 2>>"$work/openssl.log"

# --- the gateways: one as it comes, and one that takes signatures of version 2 too
read -r -a ports < <(node -e '
  const net = require("node:net");
  const servers = [0, 0, 0, 0].map(() => net.createServer().listen(0, "127.0.0.1"));
  let open = 0;
  for (const each of servers) each.on("listening", () => {
    if (++open < servers.length) return;
    console.log(servers.map((server) => server.address().port).join(" "));
    for (const server of servers) server.close();
  });
')
export AWS_ACCESS_KEY_ID=CLIENTSUITEACCESSKEY AWS_SECRET_ACCESS_KEY=client-suite-secret-0123456789abcdefghij

# start NAME HTTP_PORT HTTPS_PORT [argument...]: its data and its log have that name.
start() {
  local name=$1 http_port=$2 https_port=$3
  shift 3
  BLOBSEER_S3_ACCESS_KEY=$AWS_ACCESS_KEY_ID BLOBSEER_S3_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
    node "$root/bin/blobseer-s3.js" serve --data "$work/$name" "$@" \
    --listen "http://127.0.0.1:$http_port" --listen "https://127.0.0.1:$https_port" \
    --tls-cert "$work/server.pem" --tls-key "$work/server.key" >"$work/$name.log" 2>&1 &
  servers[$name]=$!
}
becomes_ready() {
  local name=$1 url="http://127.0.0.1:$2/_/health/ready"
  for _ in $(seq 100); do
    curl -fsS -o /dev/null "$url" 2>/dev/null && break
    kill -0 "${servers[$name]}" 2>/dev/null || break
    sleep 0.1
  done
  curl -fsS -o /dev/null "$url" || {
    tail -50 "$work/$name.log"
    exit 1
  }
}
start data "${ports[0]}" "${ports[1]}"
start sigv2-data "${ports[2]}" "${ports[3]}" --sigv2
becomes_ready data "${ports[0]}"
becomes_ready sigv2-data "${ports[2]}"

# --- programs: found before HOME changes, since pyenv looks there
find_programs
print_versions
make_material "$work/material"

# botocore still presigns with SigV2 where the region is us-east-1, unless told otherwise.
printf '[default]\ns3 =\n  signature_version = s3v4\n' >"$work/aws-config"
export HOME="$work" AWS_CONFIG_FILE="$work/aws-config" AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
export RCLONE_CONFIG=/dev/null LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore
export MATERIAL="$work/material" CLIENTS_FOLDER="$here"
export CA_FILE="$work/ca.pem" AWS_CA_BUNDLE="$work/ca.pem" NODE_EXTRA_CA_CERTS="$work/ca.pem"

passed=0
failed=0
began=$SECONDS
for scheme in http https; do
  port=${ports[0]} sigv2_port=${ports[2]}
  [ "$scheme" = http ] || port=${ports[1]} sigv2_port=${ports[3]}
  all=("${clients[@]}")
  [ "$scheme" = https ] || all+=("${clients_once[@]}")
  for client in "${all[@]}"; do
    if [ $# -gt 0 ]; then
      wanted=
      for word in "$@"; do [[ $client == *"$word"* ]] && wanted=yes; done
      [ -n "$wanted" ] || continue
    fi
    scratch="$work/$scheme-$client"
    mkdir "$scratch"
    at=$SECONDS
    if ENDPOINT="$scheme://127.0.0.1:$port" SCHEME=$scheme HOSTPORT="127.0.0.1:$port" \
      SIGV2_ENDPOINT="$scheme://127.0.0.1:$sigv2_port" SIGV2_HOSTPORT="127.0.0.1:$sigv2_port" \
      BUCKET="$scheme-${client//_/-}" SCRATCH=$scratch \
      timeout -k 5 "$client_timeout_seconds" bash "${BASH_SOURCE[0]}" --one "$client" \
      >"$scratch.log" 2>&1 </dev/null; then
      passed=$((passed + 1))
      echo "ok      $scheme $client ($((SECONDS - at)) s)"
    else
      failed=$((failed + 1))
      echo "FAILED  $scheme $client ($((SECONDS - at)) s); the last lines:"
      tail -25 "$scratch.log" | cut -c1-300 | sed 's/^/        /'
    fi
    rm -rf "$scratch"
  done
done

for name in "${!servers[@]}"; do
  kill "${servers[$name]}"
  status=0
  wait "${servers[$name]}" || status=$?
  unset "servers[$name]"
  if [ "$status" -ne 0 ]; then
    failed=$((failed + 1))
    echo "FAILED  the gateway over $name ended with status $status after SIGTERM"
    tail -20 "$work/$name.log"
  fi
  if node "$root/bin/blobseer-s3.js" check --data "$work/$name" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      check of $name"
  else
    failed=$((failed + 1))
    echo "FAILED  check of $name"
    tail -20 "$work/check.log"
  fi
done
echo "took $((SECONDS - began)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
