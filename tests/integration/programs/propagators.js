// SPDX-License-Identifier: Apache-2.0
// propagators.js PROGRAM FORMAT: what OpenTelemetry's own propagator writes is read by PROGRAM, and
// the other way round. Says each difference; the exit code is 1 then.
'use strict';
const { execFileSync } = require('child_process');
const api = require('@opentelemetry/api');
const [program, format] = process.argv.slice(2);

const b3 = (encoding) => new (require('@opentelemetry/propagator-b3').B3Propagator)({ injectEncoding: encoding });
const makers = {
	tracecontext: () => new (require('@opentelemetry/core').W3CTraceContextPropagator)(),
	b3: () => b3(0),
	b3multi: () => b3(1),
	jaeger: () => new (require('@opentelemetry/propagator-jaeger').JaegerPropagator)(),
	xray: () => new (require('@opentelemetry/propagator-aws-xray').AWSXRayPropagator)(),
	'xray-lambda': () => new (require('@opentelemetry/propagator-aws-xray-lambda').AWSXRayLambdaPropagator)(),
	ottrace: () => new (require('@opentelemetry/propagator-ot-trace').OTTracePropagator)(),
};
const propagator = makers[format]();
const carriesBaggage = format === 'jaeger' || format === 'ottrace';

const getter = {
	keys: (carrier) => Object.keys(carrier),
	get: (carrier, name) => carrier[name.toLowerCase()],
};
const setter = { set: (carrier, name, value) => { carrier[name] = value; } };

const ours = (headers) => {
	const input = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`).join('');
	const [ids, baggage, ...lines] = execFileSync(program, [format], { input }).toString().split(/\r?\n/);
	return { ids, baggage, headers: Object.fromEntries(lines.filter(Boolean).map((line) => line.split(/: (.*)/s, 2))) };
};

const theirs = (headers) => {
	const context = propagator.extract(api.ROOT_CONTEXT, headers, getter);
	const span = api.trace.getSpanContext(context);
	const baggage = api.propagation.getBaggage(context);
	return {
		ids: span ? `${span.traceId} ${span.spanId} ${span.traceFlags & 1 ? 'sampled' : 'not'}` : 'none',
		baggage: baggage ? baggage.getAllEntries().map(([key, { value }]) => `${key}=${encodeURIComponent(value)}`).join() : '',
		context,
	};
};

const decoded = (baggage) => baggage.split(',').map(decodeURIComponent).join('\n');

let bad = 0;
const same = (what, is, expected) => {
	if (is === expected)
		return;
	console.log(`${format}: ${what}\n  is:       ${is}\n  expected: ${expected}`);
	bad = 1;
};

const traces = ['4e1c5b7a90d2f3681122334455667788', '00000000000000001122334455667788', '66aa01800123456789abcdef00112233'];
const spans = ['0a1b2c3d4e5f6071', 'ffffffffffffffff', '0000000000000001'];
const entries = { plain: 'x', two_words: 'a b', 'with-marks': '100%,;=' };

for (const traceId of traces) {
	for (const spanId of spans) {
		for (const traceFlags of [0, 1]) {
			let context = api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: false });
			if (carriesBaggage)
				context = api.propagation.setBaggage(context, api.propagation.createBaggage(
					Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }]))));
			const written = {};
			propagator.inject(context, written, setter);

			const trace = format === 'ottrace' ? traceId.slice(16).padStart(32, '0') : traceId;
			const expected = `${trace} ${spanId} ${traceFlags ? 'sampled' : 'not'}`;
			const members = carriesBaggage ? Object.entries(entries).map(([key, value]) => `${key}=${value}`).join('\n') : '';
			const read = ours(written);

			same(`we read ${JSON.stringify(written)}`, read.ids, expected);
			same('baggage that we read', decoded(read.baggage), members);
			const again = theirs(read.headers);
			same(`they read ${JSON.stringify(read.headers)}`, again.ids, expected);
			same('baggage that they read', decoded(again.baggage), members);
		}
	}
}

// what only one side can say at the source
if (format === 'b3') {
	const debug = ours({ b3: `${traces[0]}-${spans[0]}-d` });
	const back = {};
	same('debug', debug.ids, `${traces[0]} ${spans[0]} sampled debug`);
	propagator.inject(theirs(debug.headers).context, back, setter);
	same('debug comes back', back.b3, `${traces[0]}-${spans[0]}-d`);
}
process.exit(bad);
