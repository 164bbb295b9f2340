/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/stream.h"

#include "export/print.h"
#include "export/version.h"

/* OTLP/gRPC's client: one call at a time on one connection; what is HTTP/2 of it is heavy's. */

enum { /* gRPC's status codes, as far as they matter here */
       OK = 0,
       CANCELLED = 1,
       DEADLINE_EXCEEDED = 4,
       RESOURCE_EXHAUSTED = 8,
       ABORTED = 10,
       OUT_OF_RANGE = 11,
       UNAVAILABLE = 14,
       DATA_LOSS = 15,
};

/* What OTLP says may be tried again (its specification, "OTLP/gRPC Throttling" and "Failures"). */
static enum atr_outcome outcome_of(const struct atr_grpc_answer *a)
{
	switch (a->grpc_status) {
	case OK:
		return ATR_SENT;
	case RESOURCE_EXHAUSTED:
		return a->has_retry_info ? ATR_RETRY : ATR_REFUSED;
	case CANCELLED:
	case DEADLINE_EXCEEDED:
	case ABORTED:
	case OUT_OF_RANGE:
	case UNAVAILABLE:
	case DATA_LOSS:
		return ATR_RETRY;
	case -1: /* not gRPC's own answer, but of something on the way */
		if (a->http_status < 0)
			return ATR_UNREACHED;
		return a->http_status == 429 || (a->http_status >= 502 && a->http_status <= 504) ?
			       ATR_RETRY :
			       ATR_REFUSED;
	default:
		return ATR_REFUSED;
	}
}

static bool pipe_send(void *stream, struct atr_str bytes)
{
	return atr_stream_send(stream, bytes);
}

static ssize_t pipe_receive(void *stream, char *buf, size_t cap)
{
	return atr_stream_receive(stream, buf, cap);
}

static const char *ended(struct atr_print *t)
{
	t->at[t->is_cut ? 0 : t->len] = 0;
	return t->at;
}

static const char *authority_of(const struct atr_exporter_options *to, char *room, size_t cap)
{
	struct atr_print t = { room, 0, cap - 1, false };
	bool v6 = to->host.len && memchr(to->host.at, ':', to->host.len);

	atr_print(&t, v6 ? ATR_STR("[") : ATR_STR(""));
	atr_print(&t, to->host);
	atr_print(&t, v6 ? ATR_STR("]") : ATR_STR(""));
	if (!to->unix_path.len) {
		atr_print(&t, ATR_STR(":"));
		atr_print_uint(&t, to->port);
	}
	return ended(&t);
}

#define TIMEOUT_MOST_MS 99999999 /* it has eight digits */

static const char *timeout_of(struct atr_stream *s, char *room, size_t cap)
{
	struct atr_print t = { room, 0, cap - 1, false };
	int left = atr_stream_left_ms(s);

	atr_print_uint(&t, (uint64_t)(left < TIMEOUT_MOST_MS ? left : TIMEOUT_MOST_MS));
	atr_print(&t, ATR_STR("m"));
	return ended(&t);
}

static const char *path_of(const struct atr_exporter_options *to)
{
	switch (to->signal) {
	case ATR_METRICS:
		return "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
	case ATR_LOGS:
		return "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
	case ATR_SAMPLING:
		return "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";
	default:
		return "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
	}
}

/* Whether the connection held; what it said is in the answer. */
static bool try_once(struct atr_stream *s, const struct atr_post *request,
		     struct atr_grpc_answer *answer)
{
	char authority[2048], timeout[16];
	struct atr_pipe pipe = { s, pipe_send, pipe_receive };
	struct atr_grpc_call call = {
		.path = path_of(s->to),
		.user_agent = "OTel-OTLP-Exporter-C/" ATR_VERSION,
		.authority = authority_of(s->to, authority, sizeof(authority)),
		.headers = s->to->headers,
		.nr_headers = s->to->nr_headers,
		.is_tls = s->to->is_tls,
		.is_gzip = request->is_gzip,
		.body = request->body,
	};

	answer->body_len = 0;
	answer->grpc_status = answer->http_status = -1;
	if (!atr_stream_open(s))
		return false;
	call.timeout = timeout_of(s, timeout, sizeof(timeout));
	if (!s->link->grpc)
		s->link->grpc = s->link->heavy->grpc_open();
	if (s->link->grpc && s->link->heavy->grpc_call(s->link->grpc, &pipe, &call, answer))
		return true;
	atr_link_close(s->io, s->link);
	return false;
}

enum atr_outcome atr_grpc_post(const struct atr_io *io, const struct atr_exporter_options *to,
			       struct atr_link *link, const struct atr_post *request,
			       uint64_t deadline_ms, _Atomic uint64_t *stop_ms,
			       struct atr_answer *answer)
{
	struct atr_stream s = { .io = io,
				.to = to,
				.link = link,
				.began_ms = atr_now_ms(),
				.deadline_ms = deadline_ms,
				.stop_ms = stop_ms };
	struct atr_grpc_answer got = { .body = answer->body, .body_cap = ATR_ANSWER_MAX };
	bool was_kept = link->fd >= 0, holds;

	answer->status = answer->grpc_status = 0;
	answer->retry_after_ms = 0;
	answer->stood_still_ms = 0;
	answer->body_len = 0;
	link->heavy = atr_heavy_load(io, "gRPC");
	if (!link->heavy)
		return ATR_NO_WAY;
	holds = try_once(&s, request, &got);
	if (!holds && was_kept && !s.is_no_way && atr_stream_left_ms(&s))
		holds = try_once(&s, request, &got);
	answer->stood_still_ms = s.stood_still_ms;
	if (!holds && got.grpc_status < 0) {
		if (s.is_no_way)
			return ATR_NO_WAY;
		return atr_stream_stop_ms(&s) <= atr_now_ms() ? ATR_OUT_OF_TIME : ATR_UNREACHED;
	}
	answer->status = got.http_status;
	answer->grpc_status = got.grpc_status;
	answer->retry_after_ms = got.retry_after_ms;
	answer->body_len = got.is_packed ? 0 : got.body_len;
	answer->body[answer->body_len] = 0;
	return outcome_of(&got);
}
