# SPDX-License-Identifier: Apache-2.0
require 'net/http'
url = URI(ARGV[0])
puts Net::HTTP.get(URI("#{url}/ok?alone"))
Net::HTTP.start(url.host, url.port) do |http|
  ['/ok', '/chunked', '/redirect', '/status/404'].each do |path|
    response = http.get(path)
    puts "#{response.code} #{response.body}"
  end
  puts http.post('/echo', 'body').body
  puts http.head('/ok').code
end
begin
  Net::HTTP.get(URI("#{url}/hang-up"))
rescue EOFError => e
  puts e.message
end
