# SPDX-License-Identifier: Apache-2.0
# webrick.rb PORT FOLDER
require 'webrick'
server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: ARGV[0].to_i, DocumentRoot: ARGV[1],
                                 AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
trap('TERM') { server.shutdown }
server.start
