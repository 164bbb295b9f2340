// SPDX-License-Identifier: Apache-2.0
// otlp_signals.js metrics|logs FILE: the body of an export, protobuf or JSON, read by OpenTelemetry's own
// decoder (metrics) or by protobufjs from the field numbers of logs.proto, and told in a form that is the
// same for both. A field that the schema does not have fails.
const fs = require("fs");
const path = require("path");
const protobuf = require("protobufjs");

const logs = {
	Request: { resourceLogs: "1*ResourceLogs" },
	ResourceLogs: { resource: "1 Resource", scopeLogs: "2*ScopeLogs", schemaUrl: "3 string" },
	Resource: { attributes: "1*KeyValue" },
	ScopeLogs: { scope: "1 Scope", logRecords: "2*LogRecord", schemaUrl: "3 string" },
	Scope: { name: "1 string", version: "2 string" },
	KeyValue: { key: "1 string", value: "2 AnyValue" },
	AnyValue: { stringValue: "1 string", boolValue: "2 bool", intValue: "3 int64", doubleValue: "4 double",
		arrayValue: "5 ArrayValue" },
	ArrayValue: { values: "1*AnyValue" },
	LogRecord: { timeUnixNano: "1 fixed64", severityNumber: "2 int32", severityText: "3 string", body: "5 AnyValue",
		attributes: "6*KeyValue", flags: "8 fixed32", traceId: "9 bytes", spanId: "10 bytes",
		observedTimeUnixNano: "11 fixed64" },
};

function typeOfLogs() {
	const root = new protobuf.Root();
	for (const [name, fields] of Object.entries(logs)) {
		const type = new protobuf.Type(name);
		for (const [field, how] of Object.entries(fields)) {
			const [, id, many, of] = /^(\d+)([ *])(.*)$/.exec(how);
			type.add(new protobuf.Field(field, +id, of, many === "*" ? "repeated" : undefined));
		}
		root.add(type);
	}
	return root.lookupType("Request");
}

function typeOfMetrics() {
	const generated = "@opentelemetry/otlp-transformer/build/src/generated/root.js";
	const file = process.env.NODE_PATH.split(":").map((p) => path.join(p, generated)).find(fs.existsSync);
	return require(file).opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
}

const [what, file] = process.argv.slice(2);
const body = fs.readFileSync(file);
const type = what === "logs" ? typeOfLogs() : typeOfMetrics();

function names(of, into) {
	if (Array.isArray(of)) of.forEach((o) => names(o, into));
	else if (of && typeof of === "object")
		for (const [k, v] of Object.entries(of)) names(v, into.add(k));
	return into;
}
let request;
if (body[0] === 0x7b) {
	request = JSON.parse(body);
	const again = type.toObject(type.fromObject(request), { longs: String });
	for (const name of names(request, new Set()))
		if (!names(again, new Set()).has(name)) throw new Error("no such field: " + name);
} else {
	request = type.toObject(type.decode(body), { longs: String });
}
const hex = (id) => (typeof id === "string" ? id : Buffer.from(id).toString("hex"));
const value = (v) => v.stringValue ?? v.intValue ?? v.boolValue ?? v.doubleValue;
const plain = (list) => (list || []).map((a) => a.key + "=" + value(a.value)).sort().join(" ");
if (what === "logs") {
	const [{ resource, scopeLogs: [scope] }] = request.resourceLogs;
	console.log(plain(resource.attributes).match(/service.name=\S+/)[0], scope.scope.name);
	for (const r of scope.logRecords) {
		if (r.timeUnixNano !== r.observedTimeUnixNano || r.timeUnixNano.length !== 19) throw new Error("time");
		console.log(hex(r.traceId), hex(r.spanId), r.flags, r.severityNumber ?? "-", r.severityText ?? "-",
			plain(r.attributes), r.body.stringValue);
	}
} else {
	const [{ resource, scopeMetrics: [scope] }] = request.resourceMetrics;
	console.log(plain(resource.attributes).match(/service.name=\S+/)[0], scope.scope.name);
	for (const m of scope.metrics) {
		const of = m.sum || m.histogram;
		for (const p of of.dataPoints) {
			if (!(BigInt(p.timeUnixNano) > BigInt(p.startTimeUnixNano))) throw new Error("time");
			if (m.histogram) {
				const n = p.bucketCounts.reduce((a, b) => a + +b, 0);
				if (n !== +p.count || p.bucketCounts.length !== p.explicitBounds.length + 1)
					throw new Error("buckets");
			}
			console.log(m.name, m.unit, m.histogram ? "histogram" : m.sum.isMonotonic ? "counter" : "updown",
				of.aggregationTemporality, m.histogram ? +p.count : p.asInt, plain(p.attributes));
		}
	}
}
