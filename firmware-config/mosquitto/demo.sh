#!/usr/bin/env bash
# Head office, its broker and a kiosk on this machine, for half a minute: the demo store's catalog
# goes down over MQTT, with the shipped rules and TLS; a price changes, a product is recalled, and
# what the kiosk tells is collected. All of it stands in a folder of its own, which is gone at the end.
#   AISLE=path/to/aisle firmware-config/mosquitto/demo.sh      (`make demo` does that)
set -euo pipefail

shipped=$(cd "$(dirname "$0")" && pwd)
catalog=$shipped/../demo-store/catalog.jsonl
aisle=${AISLE:-aisle}
folder=$(mktemp -d)
running=()
end() {
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT
step() { printf '\n%s\n' "$*"; }
fail() { printf '%s\n' "$1" >&2; cat "$folder/${2:-broker.log}" >&2; exit 1; }

# Waits until a log says it.
await() {
  for _ in $(seq 300); do
    grep -q "$2" "$folder/$1" 2>/dev/null && return
    sleep 0.2
  done
  fail "it never happened: $2" "$1"
}

# Certificates, as in the README.
certify() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -addext "subjectAltName=DNS:$3" \
    -keyout "$folder/$2.key" 2>/dev/null | openssl x509 -req -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
    -CAcreateserial -days 2 -copy_extensions copy -out "$folder/$2.pem" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=acme \
  -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
certify server server localhost
certify 'acme\/office' office office
certify 'acme\/collect-1' collect-1 collect-1
certify 'acme\/k\/s042\/k1' k1 k1

# The broker, with the shipped files, on ports that are free.
cp "$shipped/acl" "$folder/acl"
install -m 600 /dev/null "$folder/passwords"
mosquitto=$(command -v mosquitto || echo /usr/sbin/mosquitto)
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 20000))
  {
    [ "$(id -u)" != 0 ] || echo "user root"
    sed -e "s|/etc/aisle/broker/|$folder/|; s|/var/lib/mosquitto/|$folder/|" \
      -e "s|^listener 8883|listener $port 127.0.0.1|; s|^listener 8884|listener $((port + 1)) 127.0.0.1|" "$shipped/mosquitto.conf"
  } > "$folder/mosquitto.conf"
  "$mosquitto" -c "$folder/mosquitto.conf" 2> "$folder/broker.log" &
  broker=$!
  for _ in $(seq 50); do
    kill -0 "$broker" 2>/dev/null || break
    (exec 3<> "/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && break 2
    sleep 0.1
  done
done
kill -0 "$broker" 2>/dev/null || fail "the broker does not start"
running+=("$broker")

mkdir "$folder/head-office" "$folder/kiosk"
cat > "$folder/head-office/aisle.toml" <<TOML
[office]
broker = "localhost:$port"
tenant = "acme"
ca = "$folder/ca.pem"
certificate = "$folder/{name}.pem"
key = "$folder/{name}.key"
TOML
office() { "$aisle" --data "$folder/head-office" office "$@"; }
kiosk() { "$aisle" --data "$folder/kiosk" "$@"; }

step "Head office makes its keys and publishes the demo store's catalog, which it tries first:"
office keys init
office publish "$catalog" --as-of now
root=$(office keys show --json | sed -n 's/.*"root_keys":\["\([^"]*\)".*/\1/p')

step "A kiosk that has none yet starts, and takes it:"
cat > "$folder/kiosk/aisle.toml" <<TOML
[sync]
broker = "localhost:$port"
tenant = "acme"
store = "s042"
kiosk = "k1"
ca = "$folder/ca.pem"
certificate = "$folder/k1.pem"
key = "$folder/k1.key"
root_keys = ["$root"]
spread_seconds = 0
status_seconds = 5
TOML
"$aisle" --data "$folder/head-office" office collect 2> "$folder/collector.log" &
running+=($!)
"$aisle" --data "$folder/kiosk" run --headless --socket "$folder/kiosk.sock" 2> "$folder/kiosk.log" &
running+=($!)
await kiosk.log "a catalog of head office is in use"
grep "a catalog of head office is in use" "$folder/kiosk.log" | sed 's/.*INFO //'

# What the kiosk's catalog answers, once it is other than before.
changed() {
  for _ in $(seq 150); do
    now=$(kiosk ask "$1" | grep Reply)
    [ "$now" = "$2" ] || { echo "$now"; return; }
    sleep 0.2
  done
  fail "the kiosk answers as before: $2" kiosk.log
}

step "A price changes:"
question="how much is the organic oat milk"
before=$(kiosk ask "$question" | grep Reply)
echo "$before"
printf 'sku,price\nDA-1022,1.79\n' > "$folder/prices.csv"
office price "$folder/prices.csv" --as-of now --store s042
changed "$question" "$before"

step "It must not be sold any more:"
question="do you have organic oat milk"
before=$(kiosk ask "$question" | grep Reply)
office recall add demo --sku DA-1022 --text "Glass in the carton" --store s042
changed "$question" "$before"

step "What head office knows of its kiosks:"
for _ in $(seq 100); do
  office status > "$folder/status"
  # Until it has told of the catalog that it has now.
  grep "^s042 *k1 " "$folder/status" | grep -qv " none " && break
  sleep 0.2
done
cat "$folder/status"
