#!/usr/bin/env bash
# Measures memvault upload against what people pipe captures through, to the same server in the same run.
#
#   bench/upload.sh CAPTURE...
#
# The others are zstd -3 into rclone rcat, s5cmd pipe and mc pipe: those that are in PATH, else as `go install` brings
# them into $BENCH_DIR/bin (default dist/bench), which takes minutes. They compress the file as it is, or unpacked by lz4
# as memvault does, read it once and prove nothing; memvault reads it twice, hashes it and what it holds, and proves what
# it stored. `again` is of what is there already. $SERVER is versitygw (default) or minio, on loopback with TLS. Of $RUNS runs (default 3)
# the least wall time counts, with its processor time; memory is that of the largest process of all runs.
# Needs Go, GNU time, lz4 and zstd. Let nothing else run meanwhile.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
captures=()
for capture; do captures+=("$(realpath "$capture")"); done
cd "$(dirname "$0")/.."

dir=$(realpath -m "${BENCH_DIR:-dist/bench}")
runs=${RUNS:-3}
server=${SERVER:-versitygw}
mkdir -p "$dir/bin"
PATH=$PATH:$dir/bin
gnutime=$(type -P time) || { echo "$0: GNU time is missing (on Debian: apt-get install time)" >&2; exit 1; }
type -P zstd lz4 >/dev/null || { echo "$0: zstd or lz4 is missing (on Debian: apt-get install zstd lz4)" >&2; exit 1; }

# have NAME PACKAGE TEXT: is it there, with TEXT in its version (mc may be another program), or can it be installed?
have() {
  "$1" --version 2>/dev/null | grep -q "$3" || "$1" version 2>/dev/null | grep -q "$3" || CGO_ENABLED=0 GOBIN=$dir/bin go install "$2" >"$dir/$1.log" 2>&1 ||
    { echo "left out, because it does not install: $1 (see $dir/$1.log)" >&2; return 1; }
}

go build -o "$dir/memvault" ./cmd/memvault
go build -o "$dir/store" ./bench/store
coproc store { exec "$dir/store"; }
while read -r name rest <&"${store[0]}" && [ "$name" != ready ]; do
  [ "$name" != "$server" ] || read -r endpoint ca access secret bucket <<<"$rest"
done
[ -n "${bucket-}" ] || { echo "$0: no server $server" >&2; exit 1; }
export AWS_ENDPOINT_URL_S3=$endpoint AWS_CA_BUNDLE=$ca AWS_ACCESS_KEY_ID=$access AWS_SECRET_ACCESS_KEY=$secret
export AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export RCLONE_CONFIG_BENCH_TYPE=s3 RCLONE_CONFIG_BENCH_PROVIDER=Other RCLONE_CONFIG_BENCH_ENV_AUTH=true
export RCLONE_CONFIG_BENCH_ENDPOINT=$endpoint RCLONE_CONFIG_BENCH_REGION=us-east-1 RCLONE_CA_CERT=$ca RCLONE_CONFIG=/dev/null
export SSL_CERT_FILE=$ca MC_HOST_bench=https://$access:$secret@${endpoint#https://} MC_CONFIG_DIR=$dir/mc
export S3_ENDPOINT_URL=$endpoint

# measure WHAT COMMAND [PREFIX]: runs the command of bash, which stores $capture below $key: a new prefix each time, or PREFIX.
measure() {
  local what=$1 command=$2 i size line
  for ((i = 0; i < runs; i++)); do
    export key=${3:-$RANDOM$RANDOM$RANDOM}
    if ! "$gnutime" -f '%e %U %S %M' -o "$dir/time" bash -c "set -o pipefail; $command" >"$dir/out" 2>"$dir/err"; then
      echo "  $what failed:" && tail -n 3 "$dir/err"
      return 0
    fi
    line+=$(tail -n 1 "$dir/time")$'\n'
  done
  echo "$server $key/" >&"${store[1]}"
  read -r size <&"${store[0]}"
  awk -v what="$what" -v size="$size" '
    NF == 4 && (wall == "" || $1 < wall) { wall = $1; cpu = $2 + $3 }
    $4 > memory { memory = $4 }
    END { printf "  %-28s %7.2f s %8.2f s %6.0f MB %12d bytes\n", what, wall, cpu, memory * 1024 / 1e6, size }' <<<"$line"
}

tools=()
have rclone github.com/rclone/rclone@v1.76.0 rclone && tools+=(rclone)
have s5cmd github.com/peak/s5cmd/v2@v2.3.0 '^v' && tools+=(s5cmd)
have mc github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9 MinIO && tools+=(mc)
declare -A pipes=(
  [rclone]='env -u AWS_CA_BUNDLE rclone rcat --s3-no-check-bucket "bench:$bucket/$key/x.zst"'
  [s5cmd]='s5cmd pipe "s3://$bucket/$key/x.zst"'
  [mc]='mc pipe "bench/$bucket/$key/x.zst"'
)
export memvault=$dir/memvault XDG_STATE_HOME=$dir/state bucket

grep -m 1 'model name' /proc/cpuinfo | sed 's/.*: //' || true
for capture in "${captures[@]}"; do
  export capture
  echo "$capture, $(stat -c %s "$capture") bytes, to $server"
  printf '  %-28s %9s %10s %9s %18s\n' '' wall processor memory stored
  measure "memvault upload" '"$memvault" upload s3 -q "$capture" "s3://$bucket/$key"'
  measure "memvault upload, again" '"$memvault" upload s3 -q "$capture" "s3://$bucket/$key"' "$key"
  measure "memvault upload --no-count" '"$memvault" upload s3 -q --no-count "$capture" "s3://$bucket/$key"'
  for tool in "${tools[@]}"; do
    measure "zstd -3 | $tool" "zstd -3 -q -c \"\$capture\" | ${pipes[$tool]}"
    measure "lz4 -d | zstd -3 | $tool" "lz4 -dc -q \"\$capture\" | zstd -3 -q -c | ${pipes[$tool]}"
  done
done
