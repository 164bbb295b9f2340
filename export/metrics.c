/* SPDX-License-Identifier: Apache-2.0 */
#include "export/metrics.h"

#include "export/encode/message.h"
#include "export/grpc_status.h"
#include "export/kernel.h"
#include "export/print.h"

bool atr_metrics_are_on;

/* opentelemetry/proto/metrics/v1/metrics.proto; seconds, as the conventions have it for HTTP. */
static const double bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
				 0.5,	0.75, 1,     2.5,  5,	  7.5, 10 };
#define NR_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

/* Of one exporter and one end of its requests; the last is of all ends beyond these. */
#define SERIES_MAX 16
struct series {
	unsigned exporter;
	const char *error; /* NULL: none; "": by the status */
	int status, grpc_status;
	uint64_t count, buckets[NR_BOUNDS + 1];
	double sum, least, most;
};

static const struct {
	enum atr_count lost;
	const char *error;
} causes[] = {
	{ ATR_COUNT_LOST_REJECTED, "rejected" },   { ATR_COUNT_LOST_UNREACHABLE, "unreachable" },
	{ ATR_COUNT_LOST_TOO_LARGE, "too_large" }, { ATR_COUNT_LOST_NO_MEMORY, "no_memory" },
	{ ATR_COUNT_LOST_AT_EXIT, "shutdown" },
};
#define NR_CAUSES (sizeof(causes) / sizeof(causes[0]))

/* What only ever grows, by its number. */
enum {
	STARTED,
	PROCESSED = STARTED + 6,
	QUEUE_FULL,
	ABANDONED,
	EXPORTED,
	NR_GROWING = EXPORTED + ATR_EXPORTERS_MAX * (1 + NR_CAUSES)
};

static struct {
	uint64_t began_ns, now_ns, told_ns; /* told_ns: 0, or when they were told as of */
	uint64_t now[NR_GROWING], told[NR_GROWING];
	bool is_delta;
	struct {
		uint64_t accepted, lost[NR_CAUSES];
	} exporters[ATR_EXPORTERS_MAX];
	uint64_t processed;
	unsigned nr_series;
	struct series series[SERIES_MAX];
} sums;

void atr_metrics_setup(void)
{
	atr_metrics_are_on = true;
	memset(&sums, 0, sizeof(sums));
	sums.began_ns = atr_kernel_ns(CLOCK_REALTIME);
}

void atr_metrics_began(enum atr_origin parent, bool is_sampled)
{
	atr_count((enum atr_count)(ATR_COUNT_BEGAN_DROPPED + 2 * parent + is_sampled));
}

void atr_metrics_ended(bool is_sampled)
{
	atr_count(is_sampled ? ATR_COUNT_CLOSED_SAMPLED : ATR_COUNT_CLOSED_DROPPED);
}

/* ---- what became of requests -------------------------------------------------------------------- */

static size_t cause_of(enum atr_count lost)
{
	size_t i = 0;

	while (i < NR_CAUSES - 1 && causes[i].lost != lost)
		i++;
	return i;
}

/* Error of an operation that was not a success through and through. */
static const char *error_of(const struct atr_operation *o)
{
	if (o->was_sent)
		return o->accepted == o->spans ? NULL : "rejected";
	return o->status || o->grpc_status ? "" : causes[cause_of(o->lost)].error;
}

static struct series *series_of(const struct atr_operation *o, const char *error)
{
	struct series *s = sums.series;

	for (; s < sums.series + sums.nr_series; s++)
		if (s->exporter == o->exporter && s->error == error && s->status == o->status &&
		    s->grpc_status == o->grpc_status)
			return s;
	if (sums.nr_series == SERIES_MAX) {
		s = &sums.series[SERIES_MAX - 1];
		s->error = "_OTHER";
		s->status = s->grpc_status = 0;
		return s;
	}
	*s = (struct series){ .exporter = o->exporter,
			      .error = error,
			      .status = o->status,
			      .grpc_status = o->grpc_status };
	sums.nr_series++;
	return s;
}

void atr_metrics_exported(const struct atr_operation *o)
{
	double seconds = (double)o->duration_ns / 1e9;
	struct series *s;
	size_t bucket = 0;

	sums.exporters[o->exporter].accepted += o->accepted;
	sums.exporters[o->exporter].lost[cause_of(o->lost)] += o->spans - o->accepted;
	if (!o->exporter)
		sums.processed += o->spans;
	if (!o->duration_ns)
		return; /* nothing was sent */
	s = series_of(o, error_of(o));
	while (bucket < NR_BOUNDS && seconds > bounds[bucket])
		bucket++;
	s->buckets[bucket]++;
	s->sum += seconds;
	if (!s->count || seconds < s->least)
		s->least = seconds;
	if (!s->count || seconds > s->most)
		s->most = seconds;
	s->count++;
}

/* ---- as a message ------------------------------------------------------------------------------- */

/* A point's attributes, up to one without a key. */
struct label {
	const char *key;
	struct atr_str text; /* absent: it is the number */
	int64_t number;
};

static struct label text_label(const char *key, const char *text)
{
	return (struct label){ key, atr_str(text), 0 };
}

static void put_labels(struct atr_message *m, char tag, const struct label *labels)
{
	atr_message_list(m, "attributes");
	for (; labels->key; labels++)
		if (labels->text.at)
			atr_message_attribute(m, tag, atr_str(labels->key), labels->text);
		else
			atr_message_attribute_int(m, tag, atr_str(labels->key), labels->number);
	atr_message_end(m);
}

/* Whether since it was told last, where that is preferred; what goes up and down is as it stands. */
static bool is_since_told(bool grows)
{
	return grows && sums.is_delta && sums.told_ns;
}

static void put_times(struct atr_message *m, bool grows)
{
	atr_message_fixed64(m, 0x11, "startTimeUnixNano",
			    is_since_told(grows) ? sums.told_ns : sums.began_ns);
	atr_message_fixed64(m, 0x19, "timeUnixNano", sums.now_ns);
}

static void put_value(struct atr_message *m, const struct label *labels, bool grows, uint64_t value)
{
	atr_message_open(m, 0x0a, NULL);
	put_times(m, grows);
	atr_message_fixed64(m, 0x31, "asInt", value);
	put_labels(m, 0x3a, labels);
	atr_message_close(m);
}

static void put_point(struct atr_message *m, const struct label *labels, uint64_t value)
{
	put_value(m, labels, false, value);
}

/* One that only grows; `is_always`: also where there was none yet. */
static void put_growing(struct atr_message *m, const struct label *labels, unsigned which,
			uint64_t value, bool is_always)
{
	sums.now[which] = value;
	if (value || is_always)
		put_value(m, labels, true, value - (is_since_told(true) ? sums.told[which] : 0));
}

static void open_metric(struct atr_message *m, const char *name, const char *unit, char tag,
			const char *kind)
{
	atr_message_open(m, 0x12, NULL);
	atr_message_text(m, 0x0a, "name", atr_str(name));
	atr_message_text(m, 0x1a, "unit", atr_str(unit));
	atr_message_open(m, tag, kind);
	atr_message_list(m, "dataPoints");
}

enum { DELTA = 1, CUMULATIVE = 2 };

static void close_metric(struct atr_message *m, bool grows)
{
	atr_message_end(m);
	atr_message_small(m, 0x10, "aggregationTemporality",
			  grows && sums.is_delta ? DELTA : CUMULATIVE);
}

static void open_sum(struct atr_message *m, const char *name)
{
	open_metric(m, name, "{span}", 0x3a, "sum");
}

/* Whether it only ever grows: a counter, or one that goes up and down. */
static void close_sum(struct atr_message *m, bool is_monotonic)
{
	close_metric(m, is_monotonic);
	atr_message_bool(m, 0x18, "isMonotonic", is_monotonic);
	atr_message_close(m);
	atr_message_close(m);
}

#define RESULT "otel.span.sampling_result"
static const char *const results[] = { "DROP", "RECORD_AND_SAMPLE" };

static void put_started(struct atr_message *m)
{
	static const char *const origins[] = { "none", "local", "remote" };

	open_sum(m, "otel.sdk.span.started");
	for (int i = 0; i < 6; i++) {
		uint64_t n = atr_count_read((enum atr_count)(ATR_COUNT_BEGAN_DROPPED + i));
		struct label labels[] = { text_label("otel.span.parent.origin", origins[i / 2]),
					  text_label(RESULT, results[i % 2]),
					  { 0 } };

		put_growing(m, labels, STARTED + (unsigned)i, n, false);
	}
	close_sum(m, true);
}

/* What ends in between may be counted as ended, and not as begun. */
static void put_live(struct atr_message *m)
{
	uint64_t ended[2] = { atr_count_read(ATR_COUNT_CLOSED_DROPPED),
			      atr_count_read(ATR_COUNT_CLOSED_SAMPLED) };

	open_sum(m, "otel.sdk.span.live");
	for (int i = 0; i < 2; i++) {
		uint64_t began = 0;
		struct label labels[] = { text_label(RESULT, results[i]), { 0 } };

		for (int origin = 0; origin < 3; origin++)
			began += atr_count_read(
				(enum atr_count)(ATR_COUNT_BEGAN_DROPPED + 2 * origin + i));
		put_point(m, labels, began > ended[i] ? began - ended[i] : 0);
	}
	close_sum(m, false);
}

static void put_processor(struct atr_message *m, const struct atr_measured *measured)
{
	struct label labels[] = {
		text_label("otel.component.type", "batching_span_processor"),
		text_label("otel.component.name", "batching_span_processor/0"),
		{ 0 },
		{ 0 },
	};

	open_sum(m, "otel.sdk.processor.span.queue.size");
	put_point(m, labels, measured->queue_size);
	close_sum(m, false);
	open_sum(m, "otel.sdk.processor.span.queue.capacity");
	put_point(m, labels, measured->options->max_queue_size);
	close_sum(m, false);
	open_sum(m, "otel.sdk.processor.span.processed");
	put_growing(m, labels, PROCESSED, sums.processed, true);
	labels[2] = text_label("error.type", "queue_full");
	put_growing(m, labels, QUEUE_FULL, measured->queue_full, false);
	labels[2] = text_label("error.type", "abandoned");
	put_growing(m, labels, ABANDONED, atr_count_read(ATR_COUNT_LOST_ABANDONED), false);
	close_sum(m, true);
}

/* Its type, where the conventions have a word for it, and its name, the only one of that type. */
static const char *name_of(const struct atr_exporter_options *e)
{
	switch (e->way) {
	case ATR_WAY_FILE:
		return "otlp_file_span_exporter/0";
	case ATR_WAY_STDOUT:
		return "otlp_stdout_span_exporter/0";
	case ATR_WAY_UDP:
		return e->encoding == ATR_ENCODING_XRAY ? "xray_udp_span_exporter/0" :
							  "otlp_xray_udp_span_exporter/0";
	default:
		return e->encoding == ATR_ENCODING_ZIPKIN    ? "zipkin_http_span_exporter/0" :
		       e->is_grpc			     ? "otlp_grpc_span_exporter/0" :
		       e->encoding == ATR_ENCODING_OTLP_JSON ? "otlp_http_json_span_exporter/0" :
							       "otlp_http_span_exporter/0";
	}
}

#define LABELS_MAX 8

/* Returns how many they are; behind them is room, and zero. */
static size_t label_exporter(const struct atr_exporter_options *e,
			     struct label labels[static LABELS_MAX])
{
	struct atr_str name = atr_str(name_of(e));
	size_t n = 0;

	memset(labels, 0, LABELS_MAX * sizeof(*labels));
	labels[n++] = (struct label){ "otel.component.name", name, 0 };
	labels[n++] = (struct label){ "otel.component.type", { name.at, name.len - 2 }, 0 };
	if (e->host.len)
		labels[n++] = (struct label){ "server.address",
					      e->unix_path.len ? e->unix_path : e->host, 0 };
	if (e->host.len && !e->unix_path.len)
		labels[n++] = (struct label){ .key = "server.port", .number = e->port };
	return n;
}

static void put_exported(struct atr_message *m, const struct atr_options *options)
{
	struct label labels[LABELS_MAX];

	open_sum(m, "otel.sdk.exporter.span.inflight");
	for (unsigned i = 0; i < options->nr_exporters; i++) {
		label_exporter(&options->exporter[i], labels);
		put_point(m, labels, 0); /* what tells it is what sends, one after the other */
	}
	close_sum(m, false);
	open_sum(m, "otel.sdk.exporter.span.exported");
	for (unsigned i = 0; i < options->nr_exporters; i++) {
		size_t n = label_exporter(&options->exporter[i], labels);
		unsigned at = EXPORTED + i * (1 + (unsigned)NR_CAUSES);

		put_growing(m, labels, at, sums.exporters[i].accepted, true);
		for (unsigned k = 0; k < NR_CAUSES; k++) {
			labels[n] = text_label("error.type", causes[k].error);
			put_growing(m, labels, at + 1 + k, sums.exporters[i].lost[k], false);
		}
	}
	close_sum(m, true);
}

static struct atr_str digits(char room[static 16], int n)
{
	struct atr_print t = { room, 0, 16, false };

	atr_print_int(&t, n);
	return (struct atr_str){ t.at, t.len };
}

static void put_duration(struct atr_message *m, const struct series *s,
			 const struct atr_exporter_options *e)
{
	struct label labels[LABELS_MAX];
	char room[16];
	size_t n = label_exporter(e, labels);

	if (e->is_grpc && s->grpc_status >= 0 && (s->status || s->grpc_status))
		labels[n++] = text_label("rpc.response.status_code",
					 atr_grpc_status_name((unsigned)s->grpc_status));
	else if (s->status > 0)
		labels[n++] =
			(struct label){ .key = "http.response.status_code", .number = s->status };
	if (s->error && *s->error)
		labels[n++] = text_label("error.type", s->error);
	else if (s->error && e->is_grpc && s->grpc_status >= 0)
		labels[n++] =
			text_label("error.type", atr_grpc_status_name((unsigned)s->grpc_status));
	else if (s->error)
		labels[n++] = (struct label){ "error.type", digits(room, s->status), 0 };
	atr_message_open(m, 0x0a, NULL);
	put_times(m, true);
	atr_message_fixed64(m, 0x21, "count", s->count);
	atr_message_double(m, 0x29, "sum", s->sum);
	atr_message_fixed64s(m, 0x32, "bucketCounts", s->buckets, NR_BOUNDS + 1);
	atr_message_doubles(m, 0x3a, "explicitBounds", bounds, NR_BOUNDS);
	put_labels(m, 0x4a, labels);
	atr_message_double(m, 0x59, "min", s->least);
	atr_message_double(m, 0x61, "max", s->most);
	atr_message_close(m);
}

static void put_durations(struct atr_message *m, const struct atr_options *options)
{
	open_metric(m, "otel.sdk.exporter.operation.duration", "s", 0x4a, "histogram");
	for (unsigned i = 0; i < sums.nr_series; i++)
		put_duration(m, &sums.series[i], &options->exporter[sums.series[i].exporter]);
	close_metric(m, true);
	atr_message_close(m);
	atr_message_close(m);
}

bool atr_metrics_encode(const struct atr_measured *measured, struct atr_buf *out)
{
	const struct atr_options *options = measured->options;
	struct atr_message m;

	sums.is_delta = options->metrics_are_delta;
	sums.now_ns = atr_kernel_ns(CLOCK_REALTIME);
	atr_message_begin(&m, out, options->metrics.encoding == ATR_ENCODING_OTLP_JSON);
	atr_message_list(&m, "resourceMetrics");
	atr_message_open(&m, 0x0a, NULL);
	atr_message_resource(&m, measured->resource, measured->nr_resource);
	atr_message_resource_schema(&m);
	atr_message_list(&m, "scopeMetrics");
	atr_message_open(&m, 0x12, NULL);
	atr_message_scope(&m);
	atr_message_list(&m, "metrics");
	put_started(&m);
	put_live(&m);
	put_processor(&m, measured);
	if (options->nr_exporters)
		put_exported(&m, options);
	if (sums.nr_series)
		put_durations(&m, options);
	atr_message_end(&m);
	atr_message_close(&m);
	atr_message_end(&m);
	atr_message_close(&m);
	atr_message_end(&m);
	atr_message_close(&m);
	return !out->failed;
}

void atr_metrics_told(const struct atr_options *options)
{
	if (!options->metrics_are_delta)
		return;
	memcpy(sums.told, sums.now, sizeof(sums.told));
	sums.told_ns = sums.now_ns;
	sums.nr_series = 0; /* durations begin anew */
}
