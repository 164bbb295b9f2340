# SPDX-License-Identifier: Apache-2.0
# Sourced: a chain of a program that plays all its parts, "load", "front" and "back", over HTTP/2.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# chain FRONT command...: the services; FRONT is what the one in the middle is called
chain() {
	chain_front=$1
	shift
	chain=("$@")
	back=$(free_port)
	traced back "${chain[@]}" back "$back"
	ready "$back"
	front "${chain[@]}" "$chain_front" PORT ORIGIN
}

load() {
	"${chain[@]}" load "$front" "$@" || exit 1
}
