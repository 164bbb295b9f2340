#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need ruby
ruby -rwebrick -e1 2>/dev/null || skip "no webrick here"
server_files
requests() { file_requests; byte_by_byte; }

serves "webrick" ruby "$here/servers/webrick.rb" PORT "$dir/www" < <(file_spans '/POST/s/200/405/')
