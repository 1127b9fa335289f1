#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The verbs and flags of Fabric's test network, over `medquorum-network` (docs/reference/network.md).
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/network.sh VERB [flags]
  prereq | doctor            check binaries, ports, certificates, disk, memory
  up [createChannel]         start everything and join the channel        --network fabric|devnet, --org NAME, -c NAME
  createChannel              make a channel (-c NAME) and join everyone
  deployCC                   deploy or upgrade a chaincode
      -c channel  -ccn name  -ccv version  -ccs sequence|auto  -ccp file.py  -ccep policy  -cccg collections.json
      -cci function  --command "command line of another chaincode server"  --org NAME
  cc list|package|invoke|query   -org NAME  -ccn name  -ccic '{"Args":[...]}'  -ccqc '{"Args":[...]}'
  org init|export|import  channel genesis|check|make|sign|submit  hospital add|remove   (docs/reference/network.md)
  stop NAME | start NAME     one process or organisation
  status | logs [NODE] [--follow] | restart | down [--purge]
Flags of every verb: --dir FOLDER, -h; -verbose shows what is run. -bft is accepted: it is the default.
-r, -d are accepted: conditions are awaited, nothing is tried a fixed number of times.
TEXT
}

arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help | help) usage; exit 0 ;;
    -bft) ;;
    -ca) echo "certificates are made by medquorum-network itself: leave -ca out" >&2; exit 2 ;;
    -r | -d) shift ;;
    -verbose) set -x ;;
    prereq) arguments+=(doctor) ;;
    deployCCAAS) arguments+=(deployCC) ;;
    createChannel) if [ "${arguments[0]:-}" != up ]; then arguments+=(createChannel); fi ;;
    *) arguments+=("$1") ;;
  esac
  if [ $# -gt 0 ]; then shift; fi
done
if [ ${#arguments[@]} -eq 0 ]; then
  usage >&2
  exit 2
fi
if [ -z "${PYTHON:-}" ]; then
  source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
fi
exec "$PYTHON" -m medquorum.network "${arguments[@]}"
