-- SPDX-License-Identifier: Apache-2.0
-- Asks the origin of pool.c, tells right bodies from wrong ones, and pauses a little in between.
local asked, want = {}, {}
wrong, right = 0, 0

-- body_of of pool.c
local function body_of(len, seed)
	local head = string.format("%d %d\n", len, seed)
	local out = {}
	for i = #head, len - 1 do
		out[#out + 1] = string.char(97 + (i * 7 + seed) % 26)
	end
	return head .. table.concat(out)
end

local threads = {}

function setup(thread)
	threads[#threads + 1] = thread
end

function init()
	for i, len in ipairs({ 48, 60, 200, 999, 1000, 4096, 9000, 30000 }) do
		for seed = i, i + 5 do
			local body = body_of(len, seed)
			want[body] = true
			asked[#asked + 1] = wrk.format("GET", string.format("/%d/%d", len, seed))
			asked[#asked + 1] = wrk.format("POST", string.format("/%d/%d", len, seed), nil, body)
		end
	end
end

function request()
	return asked[math.random(#asked)]
end

function delay()
	return math.random(0, 6)
end

function response(status, _, body)
	if status == 200 and want[body] then
		right = right + 1
	else
		wrong = wrong + 1
	end
end

function done(summary)
	local sum = { right = 0, wrong = 0 }
	for _, thread in ipairs(threads) do
		sum.right = sum.right + thread:get("right")
		sum.wrong = sum.wrong + thread:get("wrong")
	end
	local e = summary.errors
	print(string.format("requests %d right %d wrong %d status %d connect %d read %d write %d timeout %d",
		summary.requests, sum.right, sum.wrong, e.status, e.connect, e.read, e.write, e.timeout))
end
