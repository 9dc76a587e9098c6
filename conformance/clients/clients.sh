# The clients, a function each; sourced by run.sh. Every function gets ENDPOINT (scheme://host:port),
# HOSTPORT, SCHEME, BUCKET (not yet made), SCRATCH (empty), MATERIAL and CA_FILE, and SIGV2_ENDPOINT and
# SIGV2_HOSTPORT of a gateway with --sigv2. It ends with a non-zero status at the first thing that is
# not as it should be.
# shellcheck shell=bash

# Debian's aws and s3cmd and rclone predate default checksums: they stand for old clients.
clients=(aws_cli_debian aws_cli_newest boto3_newest sdk_javascript rclone_client s3cmd_client curl_client
  signature_v2)
# What does not depend on the transport is asked once, over http: a start of aws cli takes most of a second.
clients_once=(aws_settings_debian aws_settings_newest)

# The command must fail. (`! command` would not end a script under `set -e`.)
fails() {
  if "$@"; then return 1; fi
}

# The newest by version among the programs given that answer to --version.
newest_of() {
  local program version
  for program in "$@"; do
    [ -x "$program" ] || continue
    version=$("$program" --version 2>&1 | head -1 | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -1) || continue
    printf '%s %s\n' "$version" "$program"
  done | sort -V | tail -1 | cut -d' ' -f2
}

# The python whose boto3 is the newest.
python_with_boto3() {
  local python version
  for python in "$@"; do
    [ -x "$python" ] || continue
    version=$("$python" -c 'import boto3; print(boto3.__version__)' 2>/dev/null) || continue
    printf '%s %s\n' "$version" "$python"
  done | sort -V | tail -1 | cut -d' ' -f2
}

find_programs() {
  local pyenv="${PYENV_ROOT:-$HOME/.pyenv}"
  local on_path
  AWS_DEBIAN=/usr/bin/aws
  # pyenv's shims only point to the versions, which are looked at one by one. Version 1 lives on beside
  # version 2, so numbers do not tell which is newer: Debian's comes last, whatever its number.
  mapfile -t on_path < <(type -ap aws | grep -v -e /shims/ -e '^/usr/bin/' -e '^/bin/' || true)
  AWS_NEWEST=$(newest_of "${on_path[@]}" "$pyenv"/versions/*/bin/aws)
  AWS_NEWEST=${AWS_NEWEST:-$AWS_DEBIAN}
  mapfile -t on_path < <(type -ap python3 | grep -v /shims/ || true)
  PYTHON_BOTO3=$(python_with_boto3 "${on_path[@]}" "$pyenv"/versions/*/bin/python3)
  export AWS_DEBIAN AWS_NEWEST PYTHON_BOTO3
}

print_versions() {
  echo "aws (Debian):  $("$AWS_DEBIAN" --version 2>&1 | head -1)"
  echo "aws (newest):  $("$AWS_NEWEST" --version 2>&1 | head -1) at $AWS_NEWEST"
  echo "boto3:         $("$PYTHON_BOTO3" -c 'import boto3, botocore; print(boto3.__version__, "with botocore", botocore.__version__)') at $PYTHON_BOTO3"
  echo "sdk:           @aws-sdk/client-s3 $(node -p "require('$root/node_modules/@aws-sdk/client-s3/package.json').version") on node $(node --version)"
  echo "rclone:        $(rclone version | head -1)"
  echo "s3cmd:         $(s3cmd --version)"
  echo "curl:          $(curl --version | head -1)"
}

# Files to store: a small one, one above every client's multipart threshold, and a tree of odd names.
make_material() {
  mkdir -p "$1"
  printf 'a small text\n' >"$1/small.txt"
  head -c 26214417 /dev/urandom >"$1/large.bin"
  local tree="$1/tree" index
  mkdir -p "$tree/plain/deep/er" "$tree/with space/and+plus" "$tree/ümläut/日本" "$tree/a=b&c" "$tree/.hidden"
  for index in $(seq 12); do head -c $((index * 1111)) /dev/urandom >"$tree/plain/file-$index.bin"; done
  : >"$tree/empty"
  head -c 9000000 /dev/urandom >"$tree/plain/deep/er/nine-megabytes"
  local name
  for name in 'two  spaces' 'plus+sign' 'percent%41' "quote'" 'par(en)the[s]es' 'hash#mark' 'at@sign' \
    'semi;colon' 'comma,tilde~' 'dollar$' 'exclaim!' 'eq=amp&' 'ümlaut' '日本語' '😀' '..dots' 'a.tar.gz'; do
    printf 'content of %s' "$name" >"$tree/$name"
    printf 'deeper %s' "$name" >"$tree/with space/and+plus/$name"
  done
  printf 'x' >"$tree/ümläut/日本/ファイル"
  printf 'y' >"$tree/a=b&c/d"
  printf 'z' >"$tree/.hidden/file"
}

# --- aws cli
aws_cli() {
  local aws=("$1" --endpoint-url "$ENDPOINT")
  "${aws[@]}" s3 mb "s3://$BUCKET"
  "${aws[@]}" s3 ls | grep -F "$BUCKET"
  "${aws[@]}" s3 cp --no-progress "$MATERIAL/small.txt" "s3://$BUCKET/small.txt"
  "${aws[@]}" s3 cp --no-progress "$MATERIAL/large.bin" "s3://$BUCKET/large.bin"
  "${aws[@]}" s3 ls "s3://$BUCKET/" | grep -E ' 26214417 large.bin$'
  "${aws[@]}" s3 cp --no-progress "s3://$BUCKET/small.txt" - | cmp - "$MATERIAL/small.txt"
  "${aws[@]}" s3 cp --no-progress "s3://$BUCKET/large.bin" "$SCRATCH/large.bin"
  cmp "$SCRATCH/large.bin" "$MATERIAL/large.bin"
  "${aws[@]}" s3 cp --no-progress - "s3://$BUCKET/from stdin" <"$MATERIAL/small.txt"
  "${aws[@]}" s3api head-object --bucket "$BUCKET" --key 'from stdin' | grep '"ContentLength": 13'

  "${aws[@]}" s3 sync --only-show-errors "$MATERIAL/tree" "s3://$BUCKET/tree"
  "${aws[@]}" s3 sync --only-show-errors "s3://$BUCKET/tree" "$SCRATCH/tree"
  diff -r "$MATERIAL/tree" "$SCRATCH/tree"
  # A second sync has nothing to do.
  [ -z "$("${aws[@]}" s3 sync --size-only "$MATERIAL/tree" "s3://$BUCKET/tree")" ]

  "${aws[@]}" s3 cp --no-progress "s3://$BUCKET/large.bin" "s3://$BUCKET/copy.bin"
  "${aws[@]}" s3 mv --no-progress "s3://$BUCKET/copy.bin" "s3://$BUCKET/moved.bin"
  "${aws[@]}" s3 cp --no-progress "s3://$BUCKET/moved.bin" - | cmp - "$MATERIAL/large.bin"

  local url
  url=$("${aws[@]}" s3 presign "s3://$BUCKET/tree/with space/and+plus/plus+sign" --expires-in 60)
  curl -fsS --cacert "$CA_FILE" "$url" | cmp - "$MATERIAL/tree/with space/and+plus/plus+sign"

  aws_versions "$1"

  "${aws[@]}" s3 rm --only-show-errors --recursive "s3://$BUCKET"
  [ -z "$("${aws[@]}" s3 ls "s3://$BUCKET")" ]
  "${aws[@]}" s3 cp --no-progress "$MATERIAL/small.txt" "s3://$BUCKET/last"
  "${aws[@]}" s3 rb --force "s3://$BUCKET"
  fails "${aws[@]}" s3 ls "s3://$BUCKET"
}

aws_versions() {
  local api=("$1" --endpoint-url "$ENDPOINT" s3api) bucket="$BUCKET-versions" first
  "${api[@]}" create-bucket --bucket "$bucket"
  "${api[@]}" put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
  "${api[@]}" get-bucket-versioning --bucket "$bucket" --query Status --output text | grep -x Enabled
  printf one >"$SCRATCH/one"
  printf two >"$SCRATCH/two"
  first=$("${api[@]}" put-object --bucket "$bucket" --key k --body "$SCRATCH/one" --query VersionId --output text)
  "${api[@]}" put-object --bucket "$bucket" --key k --body "$SCRATCH/two"
  "${api[@]}" delete-object --bucket "$bucket" --key k --query DeleteMarker | grep -x true
  fails "${api[@]}" head-object --bucket "$bucket" --key k
  "${api[@]}" get-object --bucket "$bucket" --key k --version-id "$first" "$SCRATCH/back"
  cmp "$SCRATCH/one" "$SCRATCH/back"
  "${api[@]}" list-object-versions --bucket "$bucket" --query 'length(Versions)' | grep -x 2
  "${api[@]}" list-object-versions --bucket "$bucket" --output json \
    --query '{Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}}' >"$SCRATCH/delete.json"
  "${api[@]}" delete-objects --bucket "$bucket" --delete "file://$SCRATCH/delete.json"
  "${api[@]}" delete-bucket --bucket "$bucket"
}

# What a bucket says about itself, and what a page of another origin is answered.
aws_settings() {
  local api=("$1" --endpoint-url "$ENDPOINT" s3api) bucket="$BUCKET-settings" answer
  local curl=(curl -sS --cacert "$CA_FILE" -D - -o /dev/null -H 'Origin: https://app.example.net')
  "${api[@]}" create-bucket --bucket "$bucket"
  cat >"$SCRATCH/cors.json" <<'RULES'
{"CORSRules": [{"ID": "app", "AllowedOrigins": ["https://*.example.net"], "AllowedMethods": ["GET", "PUT"],
  "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600}]}
RULES
  "${api[@]}" put-bucket-cors --bucket "$bucket" --cors-configuration "file://$SCRATCH/cors.json"
  "${api[@]}" get-bucket-cors --bucket "$bucket" --query 'CORSRules[0].MaxAgeSeconds' | grep -x 600
  answer=$("${curl[@]}" -X OPTIONS -H 'Access-Control-Request-Method: PUT' \
    -H 'Access-Control-Request-Headers: content-type' "$ENDPOINT/$bucket/k")
  grep -i '^access-control-allow-origin: https://app.example.net' <<<"$answer"
  grep -i '^access-control-max-age: 600' <<<"$answer"
  # Unsigned, hence refused; the page may read that.
  answer=$("${curl[@]}" "$ENDPOINT/$bucket/k")
  grep -F ' 403 ' <<<"$answer"
  grep -i '^access-control-expose-headers: etag' <<<"$answer"
  "${api[@]}" delete-bucket-cors --bucket "$bucket"
  fails "${api[@]}" get-bucket-cors --bucket "$bucket"

  "${api[@]}" put-bucket-tagging --bucket "$bucket" --tagging 'TagSet=[{Key=team,Value=a b+c},{Key=ü,Value=ö}]'
  "${api[@]}" get-bucket-tagging --bucket "$bucket" --query "TagSet[?Key=='team'].Value" --output text | grep -x 'a b+c'
  "${api[@]}" delete-bucket-tagging --bucket "$bucket"
  fails "${api[@]}" get-bucket-tagging --bucket "$bucket"

  "$1" --endpoint-url "$ENDPOINT" s3 cp --no-progress --website-redirect /elsewhere --cache-control no-store \
    --content-language de --metadata a=b "$MATERIAL/small.txt" "s3://$bucket/k"
  "${api[@]}" head-object --bucket "$bucket" --key k --output text \
    --query '[WebsiteRedirectLocation, CacheControl, ContentLanguage, Metadata.a]' | grep -P '^/elsewhere\tno-store\tde\tb$'
  "${api[@]}" delete-object --bucket "$bucket" --key k
  "${api[@]}" delete-bucket --bucket "$bucket"
}

# Canned ACLs, and what nobody in particular may do under them.
aws_acls() {
  local aws=("$1" --endpoint-url "$ENDPOINT") bucket="$BUCKET-acls"
  local anonymous=(curl -fsS --cacert "$CA_FILE" "$ENDPOINT/$bucket")
  local everyone="Grants[?Grantee.URI=='http://acs.amazonaws.com/groups/global/AllUsers'].Permission"
  "${aws[@]}" s3api create-bucket --bucket "$bucket"
  "${aws[@]}" s3 cp --no-progress "$MATERIAL/small.txt" "s3://$bucket/k"
  fails "${anonymous[@]}/k"
  "${aws[@]}" s3api put-object-acl --bucket "$bucket" --key k --acl public-read
  "${aws[@]}" s3api get-object-acl --bucket "$bucket" --key k --query "$everyone" --output text | grep -x READ
  "${anonymous[@]}/k" | cmp - "$MATERIAL/small.txt"
  "${aws[@]}" s3api put-object-acl --bucket "$bucket" --key k --acl private
  fails "${anonymous[@]}/k"

  # In parts, and by a copy: the ACL goes with the object that is made.
  "${aws[@]}" s3 cp --no-progress --acl public-read "$MATERIAL/large.bin" "s3://$bucket/large.bin"
  "${anonymous[@]}/large.bin" | cmp - "$MATERIAL/large.bin"
  "${aws[@]}" s3 cp --no-progress --acl public-read "s3://$bucket/k" "s3://$bucket/copy"
  "${anonymous[@]}/copy" | cmp - "$MATERIAL/small.txt"

  fails "${anonymous[@]}"
  "${aws[@]}" s3api put-bucket-acl --bucket "$bucket" --acl public-read
  "${aws[@]}" s3api get-bucket-acl --bucket "$bucket" --query "$everyone" --output text | grep -x READ
  "${anonymous[@]}" | grep -F '<Key>large.bin</Key>'
  fails curl -fsS --cacert "$CA_FILE" -T "$MATERIAL/small.txt" "$ENDPOINT/$bucket/by-nobody"
  "${aws[@]}" s3 rb --force "s3://$bucket"
}

aws_cli_debian() { aws_cli "$AWS_DEBIAN"; }
aws_cli_newest() { aws_cli "$AWS_NEWEST"; }
aws_settings_debian() {
  aws_settings "$AWS_DEBIAN"
  aws_acls "$AWS_DEBIAN"
}
aws_settings_newest() {
  aws_settings "$AWS_NEWEST"
  aws_acls "$AWS_NEWEST"
}

# --- SDKs: scripts beside this file
boto3_newest() { "$PYTHON_BOTO3" "$CLIENTS_FOLDER/boto3_client.py"; }
sdk_javascript() { node "$CLIENTS_FOLDER/sdk-client.js"; }

# --- rclone
rclone_client() {
  unset AWS_CA_BUNDLE # rclone's own transport cannot take it
  export RCLONE_CONFIG_GATEWAY_TYPE=s3 RCLONE_CONFIG_GATEWAY_PROVIDER=Other
  export RCLONE_CONFIG_GATEWAY_ENDPOINT=$ENDPOINT RCLONE_CONFIG_GATEWAY_REGION=us-east-1
  export RCLONE_CONFIG_GATEWAY_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID
  export RCLONE_CONFIG_GATEWAY_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
  local rclone=(rclone --ca-cert "$CA_FILE" --retries 1 --low-level-retries 1)
  "${rclone[@]}" mkdir "gateway:$BUCKET"
  "${rclone[@]}" lsd gateway: | grep -F "$BUCKET"
  "${rclone[@]}" sync "$MATERIAL/tree" "gateway:$BUCKET/tree"
  "${rclone[@]}" check "$MATERIAL/tree" "gateway:$BUCKET/tree"
  "${rclone[@]}" check --download "$MATERIAL/tree" "gateway:$BUCKET/tree"
  "${rclone[@]}" sync "gateway:$BUCKET/tree" "$SCRATCH/tree"
  diff -r "$MATERIAL/tree" "$SCRATCH/tree"
  # In parts, with the source's time kept as metadata.
  "${rclone[@]}" --s3-upload-cutoff 5M --s3-chunk-size 5M copy "$MATERIAL/large.bin" "gateway:$BUCKET"
  "${rclone[@]}" cat "gateway:$BUCKET/large.bin" | cmp - "$MATERIAL/large.bin"
  "${rclone[@]}" lsl "gateway:$BUCKET/large.bin" | grep -E '^ *26214417 '
  # A second sync has nothing to do.
  fails grep -iE 'skipped|not copying' <("${rclone[@]}" sync --dry-run "$MATERIAL/tree" "gateway:$BUCKET/tree" 2>&1)
  "${rclone[@]}" copyto "gateway:$BUCKET/large.bin" "gateway:$BUCKET/copied.bin"
  "${rclone[@]}" moveto "gateway:$BUCKET/copied.bin" "gateway:$BUCKET/moved.bin"
  "${rclone[@]}" cat "gateway:$BUCKET/moved.bin" | cmp - "$MATERIAL/large.bin"
  "${rclone[@]}" cat --offset 1000000 --count 12345 "gateway:$BUCKET/large.bin" \
    | cmp - <(tail -c +1000001 "$MATERIAL/large.bin" | head -c 12345)
  "${rclone[@]}" rcat "gateway:$BUCKET/streamed" <"$MATERIAL/large.bin"
  "${rclone[@]}" cat "gateway:$BUCKET/streamed" | cmp - "$MATERIAL/large.bin"
  "${rclone[@]}" delete "gateway:$BUCKET/tree"
  "${rclone[@]}" purge "gateway:$BUCKET"
  fails grep -F "$BUCKET" <("${rclone[@]}" lsd gateway:)
}

# --- s3cmd
# s3cmd_configuration HOSTPORT FILE
s3cmd_configuration() {
  local secure=False
  [ "$SCHEME" = http ] || secure=True
  cat >"$2" <<CONFIGURATION
[default]
access_key = $AWS_ACCESS_KEY_ID
secret_key = $AWS_SECRET_ACCESS_KEY
host_base = $1
host_bucket = $1
use_https = $secure
signurl_use_https = $secure
ca_certs_file = $CA_FILE
bucket_location = us-east-1
CONFIGURATION
}

s3cmd_client() {
  s3cmd_configuration "$HOSTPORT" "$SCRATCH/s3cfg"
  local s3cmd=(s3cmd -c "$SCRATCH/s3cfg" --no-progress)
  "${s3cmd[@]}" mb "s3://$BUCKET"
  "${s3cmd[@]}" ls | grep -F "s3://$BUCKET"
  "${s3cmd[@]}" put "$MATERIAL/small.txt" "s3://$BUCKET/small.txt"
  "${s3cmd[@]}" put "$MATERIAL/large.bin" "s3://$BUCKET/large.bin"
  "${s3cmd[@]}" ls "s3://$BUCKET/" | grep -F large.bin
  "${s3cmd[@]}" get "s3://$BUCKET/large.bin" "$SCRATCH/large.bin"
  cmp "$SCRATCH/large.bin" "$MATERIAL/large.bin"
  "${s3cmd[@]}" info "s3://$BUCKET"
  "${s3cmd[@]}" info "s3://$BUCKET/small.txt" | grep -F 'File size: 13'
  "${s3cmd[@]}" sync "$MATERIAL/tree/" "s3://$BUCKET/tree/"
  mkdir "$SCRATCH/tree"
  "${s3cmd[@]}" sync "s3://$BUCKET/tree/" "$SCRATCH/tree/"
  diff -r "$MATERIAL/tree" "$SCRATCH/tree"
  "${s3cmd[@]}" cp "s3://$BUCKET/small.txt" "s3://$BUCKET/copied.txt"
  "${s3cmd[@]}" mv "s3://$BUCKET/copied.txt" "s3://$BUCKET/moved.txt"
  "${s3cmd[@]}" get "s3://$BUCKET/moved.txt" - | cmp - "$MATERIAL/small.txt"
  "${s3cmd[@]}" du "s3://$BUCKET"

  local anonymous=(curl -fsS --cacert "$CA_FILE" "$ENDPOINT/$BUCKET/small.txt")
  fails "${anonymous[@]}"
  "${s3cmd[@]}" setacl --acl-public "s3://$BUCKET/small.txt"
  "${anonymous[@]}" | cmp - "$MATERIAL/small.txt"
  "${s3cmd[@]}" info "s3://$BUCKET/small.txt" | grep -E 'ACL: +\*anon\*: READ'
  "${s3cmd[@]}" setacl --acl-private "s3://$BUCKET/small.txt"
  fails "${anonymous[@]}"
  "${s3cmd[@]}" put --acl-public "$MATERIAL/small.txt" "s3://$BUCKET/public.txt"
  curl -fsS --cacert "$CA_FILE" "$ENDPOINT/$BUCKET/public.txt" | cmp - "$MATERIAL/small.txt"
  "${s3cmd[@]}" del "s3://$BUCKET/moved.txt"
  "${s3cmd[@]}" rb --recursive --force "s3://$BUCKET"
  fails "${s3cmd[@]}" ls "s3://$BUCKET"
}

# --- curl signs SigV4 itself, and needs nothing to use a presigned URL
curl_client() {
  local curl=(curl -fsS --cacert "$CA_FILE" --aws-sigv4 aws:amz:us-east-1:s3
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY")
  # Before 8.0 curl does not sign the hash of what it uploads by itself.
  local unsigned=(-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD')
  "${curl[@]}" "${unsigned[@]}" -X PUT "$ENDPOINT/$BUCKET"
  "${curl[@]}" "${unsigned[@]}" -T "$MATERIAL/large.bin" "$ENDPOINT/$BUCKET/large.bin"
  "${curl[@]}" "${unsigned[@]}" "$ENDPOINT/$BUCKET/large.bin" | cmp - "$MATERIAL/large.bin"
  "${curl[@]}" "${unsigned[@]}" -r 100-199 "$ENDPOINT/$BUCKET/large.bin" \
    | cmp - <(tail -c +101 "$MATERIAL/large.bin" | head -c 100)
  "${curl[@]}" "${unsigned[@]}" -I "$ENDPOINT/$BUCKET/large.bin" | grep -i '^content-length: 26214417'
  local put get
  put=$(node "$CLIENTS_FOLDER/presign.js" PUT "$BUCKET" 'a b/ü+%.txt')
  get=$(node "$CLIENTS_FOLDER/presign.js" GET "$BUCKET" 'a b/ü+%.txt')
  curl -fsS --cacert "$CA_FILE" -T "$MATERIAL/small.txt" "$put"
  curl -fsS --cacert "$CA_FILE" "$get" | cmp - "$MATERIAL/small.txt"
  fails curl -fsS --cacert "$CA_FILE" "${get/Signature=/Signature=0}"
  fails curl -fsS --cacert "$CA_FILE" "$ENDPOINT/$BUCKET/large.bin"
  "${curl[@]}" "${unsigned[@]}" -X DELETE "$ENDPOINT/$BUCKET/large.bin"
  "${curl[@]}" "${unsigned[@]}" -X DELETE "$ENDPOINT/$BUCKET/a%20b/%C3%BC%2B%25.txt"
  "${curl[@]}" "${unsigned[@]}" -X DELETE "$ENDPOINT/$BUCKET"
}

# --- Signature Version 2: refused with the reason as the gateway comes, accepted with --sigv2
signature_v2() {
  "$PYTHON_BOTO3" "$CLIENTS_FOLDER/boto3_sigv2.py"

  s3cmd_configuration "$SIGV2_HOSTPORT" "$SCRATCH/s3cfg"
  local s3cmd=(s3cmd -c "$SCRATCH/s3cfg" --no-progress --signature-v2) url
  "${s3cmd[@]}" mb "s3://$BUCKET"
  "${s3cmd[@]}" put "$MATERIAL/large.bin" "s3://$BUCKET/large.bin"
  "${s3cmd[@]}" get "s3://$BUCKET/large.bin" - | cmp - "$MATERIAL/large.bin"
  "${s3cmd[@]}" ls "s3://$BUCKET/" | grep -F large.bin
  url=$("${s3cmd[@]}" signurl "s3://$BUCKET/large.bin" +60)
  curl -fsS --cacert "$CA_FILE" "$url" | cmp - "$MATERIAL/large.bin"

  # What aws cli 1 presigns for us-east-1 unless told otherwise; version 2 of the cli never does.
  local key='tree/with space/and+plus/plus+sign'
  AWS_CONFIG_FILE=/dev/null "$AWS_NEWEST" --endpoint-url "$SIGV2_ENDPOINT" s3 cp --no-progress \
    "$MATERIAL/small.txt" "s3://$BUCKET/$key"
  url=$(AWS_CONFIG_FILE=/dev/null "$AWS_NEWEST" --endpoint-url "$SIGV2_ENDPOINT" s3 presign "s3://$BUCKET/$key")
  curl -fsS --cacert "$CA_FILE" "$url" | cmp - "$MATERIAL/small.txt"
  fails curl -fsS --cacert "$CA_FILE" "${url/Signature=/Signature=0}"
  if [[ $url == *AWSAccessKeyId=* ]]; then
    curl -sS --cacert "$CA_FILE" "${url/"$SIGV2_ENDPOINT"/"$ENDPOINT"}" | grep -F AWS4-HMAC-SHA256
  fi
  "${s3cmd[@]}" rb --recursive --force "s3://$BUCKET"
}
