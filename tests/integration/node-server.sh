#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need node
server_files
requests() { file_requests; byte_by_byte; }

serves "http" node "$here/servers/node.js" PORT "$dir/www" < <(file_spans)
