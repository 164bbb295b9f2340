/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_OPTIONS_H
#define ATR_EXPORT_OPTIONS_H

/*
 * options: the exporter's variables, read with the specification's rules
 * (OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, limits, resource).
 */
#include "export/exporter.h"
#include "export/list.h"

enum atr_encoding {
	ATR_ENCODING_OTLP_PROTOBUF,
	ATR_ENCODING_OTLP_JSON,
	ATR_ENCODING_ZIPKIN,
	ATR_ENCODING_XRAY,
	ATR_ENCODING_OTLP_XRAY, /* OTLP protobuf in the X-Ray daemon's envelope */
};
enum atr_way { ATR_WAY_HTTP, ATR_WAY_FILE, ATR_WAY_STDOUT, ATR_WAY_UDP };

enum atr_signal { ATR_TRACES, ATR_METRICS, ATR_LOGS, ATR_SAMPLING /* what a sampler asks for */ };

#define ATR_EXPORTERS_MAX 5
#define ATR_BATCH_MAX 4096
#define ATR_OTLP_HEADERS_MAX 32
/* A request's head; what is read of the variables leaves it room. */
#define ATR_HTTP_HEAD_MAX 16384

struct atr_exporter_options {
	enum atr_encoding encoding;
	enum atr_way way;
	enum atr_signal signal; /* not of traces: OTLP over HTTP or gRPC */
	/* http: where to; unix_path is set for unix:/path.sock[:/http/path] endpoints */
	struct atr_str host, path, unix_path;
	uint16_t port;
	struct atr_pair headers[ATR_OTLP_HEADERS_MAX];
	unsigned nr_headers;
	uint32_t timeout_ms; /* 0: no limit */
	bool is_gzip, is_tls, is_grpc;
	/* paths, ended by a NUL; absent: the machine's own, and none */
	struct atr_str ca_file, client_certificate, client_key;
	struct atr_str file;		    /* file: where to append */
	uint32_t file_max_bytes, file_keep; /* 0: no limit; how many older ones */
};

struct atr_options {
	unsigned nr_exporters; /* 0: `none` */
	uint32_t schedule_delay_ms, export_timeout_ms;
	uint32_t max_queue_size, max_export_batch_size;
	uint32_t attribute_value_length_limit; /* UINT32_MAX: none */
	uint32_t attribute_count_limit, event_count_limit, event_attribute_count_limit;
	uint32_t link_count_limit, link_attribute_count_limit;
	uint32_t metric_interval_ms, metric_timeout_ms;
	bool metrics_are_delta;
	uint32_t log_queue_size, log_delay_ms, log_timeout_ms, log_batch_size;
	/* last: what is before it is set at a process's start, this is not */
	struct atr_exporter_options exporter[ATR_EXPORTERS_MAX];
	struct atr_exporter_options metrics, logs; /* where they are exported */
};

/*
 * The exporter thread's start, once. Text lives in the environment's copy or in
 * memory mapped here. What is wrong is warned about, once, and its default used.
 * Neither a header's value nor a URL's password is ever in a warning. All is
 * read but what _queue reads, and stays as it is.
 */
void atr_options_read(struct atr_options *out);
/* As a part of that: the specification's variables that ask for what is not here are warned about. */
void atr_options_tell_unserved(void);
/* The constructor, once: OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE. */
void atr_options_read_queue(struct atr_options *out);
/* The exporter thread, behind _read, where they are: OTEL_METRIC_*, OTEL_BLRP_*, and the exporters' own. */
void atr_options_read_others(struct atr_options *out, bool metrics, bool logs);
/* The constructor: OTEL_METRICS_EXPORTER is `otlp`, which is not its default here. */
bool atr_options_export_metrics(void);
/* The constructor: OTEL_BLRP_MAX_QUEUE_SIZE. */
void atr_options_read_log_queue(struct atr_options *out);
/* The constructor: OTEL_TRACES_EXPORTER is `none` and nothing else. */
bool atr_options_say_none(void);

/* Percent-decoded, in memory kept for it; absent when that is used up. The exporter thread. */
struct atr_str atr_percent_decoded(struct atr_str in);

/*
 * The constructor. Whether spans go to X-Ray: asked for, or in a Lambda function that has
 * a daemon and no OTLP endpoint.
 */
bool atr_options_say_xray(void);

/*
 * The exporter thread. Where X-Ray's daemon answers by HTTP: this URL, or, when it is absent
 * or none, what AWS_XRAY_DAEMON_ADDRESS says of TCP, or port 2000 here.
 */
void atr_options_read_daemon_http(struct atr_str url, struct atr_exporter_options *out);

/*
 * The exporter thread. Where Jaeger's sampling strategies are to be had: by HTTP at a URL with a path,
 * or of port 5778, whose path is /sampling, otherwise by gRPC; without a scheme, in the clear. Its
 * path is then with the service that is asked for. False: it is no such URL.
 */
bool atr_options_read_strategies(struct atr_str url, struct atr_str service,
				 struct atr_exporter_options *out);

/* One attribute of the resource; an item of a list has no key. */
enum atr_resource_type {
	ATR_RESOURCE_TEXT,
	ATR_RESOURCE_INT,
	ATR_RESOURCE_BOOL,
	ATR_RESOURCE_DOUBLE,
	ATR_RESOURCE_LIST,
};
struct atr_resource_attr {
	struct atr_str key, value;
	int64_t number; /* INT, and BOOL: 0 or 1 */
	double real;
	enum atr_resource_type type;
	unsigned nr_items; /* LIST */
	const struct atr_resource_attr *items;
};
#define ATR_RESOURCE_MAX 128

/*
 * The constructor. OTEL_LOG_LEVEL: whether the log has warnings too, as it has by default.
 */
void atr_options_read_log_level(void);

/*
 * The exporter thread. What AUTOTRACE_RESOURCE_DETECTORS asks for of service.name (OTEL_SERVICE_NAME, then
 * OTEL_RESOURCE_ATTRIBUTES, then unknown_service:<executable>), process.*,
 * host.*, os.type, telemetry.*, service.instance.id (new for each process), and
 * OTEL_RESOURCE_ATTRIBUTES (weaker than OTEL_SERVICE_NAME, stronger than what
 * was detected). Returns their number. Called again in a forked child.
 */
size_t atr_resource_read(const struct atr_process *process, const struct atr_io *io,
			 struct atr_resource_attr out[static ATR_RESOURCE_MAX]);

/* Any thread. What a file says the resource's schema is; absent: nothing is said. No longer than this. */
#define ATR_SCHEMA_URL_MAX 200
struct atr_str atr_resource_schema(void);

#endif
