/* SPDX-License-Identifier: Apache-2.0 */
#include "export/options.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/map.h"

#include <limits.h>
#include <sys/un.h>

/*
 * Text that is not in a variable as it stands (a path put together, a header's
 * value decoded) is made once, here. All variables together are at most 256 KiB.
 */
#define TEXT_MAX (1024 * 1024) /* of address space; pages are touched as they are used */
static char *text;
static size_t text_len;

/* a and b as one string, ended by a NUL; absent when there is no memory. */
static struct atr_str keep(struct atr_str a, struct atr_str b)
{
	struct atr_str out = { NULL, a.len + b.len };

	if (!text)
		text = atr_map_apart(TEXT_MAX);
	if (!text)
		return (struct atr_str){ 0 };
	if (out.len + 1 > TEXT_MAX - text_len)
		return (struct atr_str){ 0 };
	out.at = text + text_len;
	if (a.len)
		memcpy(text + text_len, a.at, a.len);
	if (b.len)
		memcpy(text + text_len + a.len, b.at, b.len);
	text[text_len + out.len] = 0;
	text_len += out.len + 1;
	return out;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct atr_str atr_percent_decoded(struct atr_str in)
{
	struct atr_str out = keep(in, ATR_STR(""));
	char *at = (char *)out.at;
	size_t len = 0;

	for (size_t i = 0; i < out.len; i++) {
		if (at[i] == '%' && i + 2 < out.len && hex(at[i + 1]) >= 0 && hex(at[i + 2]) >= 0) {
			at[len++] = (char)(hex(at[i + 1]) << 4 | hex(at[i + 2]));
			i += 2;
		} else {
			at[len++] = at[i];
		}
	}
	out.len = len;
	return out;
}

/* Of each option the names for the signals, in their order, and the general one. */
enum {
	ENDPOINT,
	PROTOCOL,
	HEADERS,
	TIMEOUT,
	COMPRESSION,
	CERTIFICATE,
	CLIENT_CERTIFICATE,
	CLIENT_KEY,
	INSECURE
};
#define GENERAL 3
static const char names[][GENERAL + 1][48] = {
	[ENDPOINT] = { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		       "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT" },
	[PROTOCOL] = { "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
		       "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL" },
	[HEADERS] = { "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
		      "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS" },
	[TIMEOUT] = { "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
		      "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT" },
	[COMPRESSION] = { "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
			  "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
			  "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION" },
	[CERTIFICATE] = { "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
			  "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
			  "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE" },
	[CLIENT_CERTIFICATE] = { "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
				 "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
				 "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE",
				 "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" },
	[CLIENT_KEY] = { "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
			 "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
			 "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY" },
	[INSECURE] = { "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
		       "OTEL_EXPORTER_OTLP_LOGS_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE" },
};

/* The variable of the signal, or the general one, trimmed. Its name for a warning in *name. */
static struct atr_str otlp(const struct atr_exporter_options *e, unsigned what, const char **name)
{
	struct atr_str value = atr_str_trim(atr_env_get(names[what][e->signal]));

	*name = names[what][e->signal];
	if (value.at)
		return value;
	*name = names[what][GENERAL];
	return atr_str_trim(atr_env_get(names[what][GENERAL]));
}

static struct atr_str path_of(const struct atr_exporter_options *e)
{
	return e->signal == ATR_METRICS	 ? ATR_STR("/v1/metrics") :
	       e->signal == ATR_LOGS	 ? ATR_STR("/v1/logs") :
	       e->signal == ATR_SAMPLING ? ATR_STR("/") :
					   ATR_STR("/v1/traces");
}

static bool read_port(struct atr_str digits, uint16_t *port)
{
	uint64_t n;

	if (!atr_str_decimal(digits, 65535, &n))
		return false;
	*port = (uint16_t)n;
	return n > 0;
}

/* "host:port" or "[v6]:port"; the port stays as it is when there is none. */
static bool read_authority(struct atr_str authority, struct atr_exporter_options *e)
{
	const char *close, *colon;
	struct atr_str rest;

	colon = authority.len ? memrchr(authority.at, '@', authority.len) : NULL;
	if (colon) {
		authority.len -= (size_t)(colon + 1 - authority.at);
		authority.at = colon + 1;
	}
	close = authority.len && authority.at[0] == '[' ? memchr(authority.at, ']', authority.len) :
							  NULL;
	if (close) {
		e->host = keep(
			(struct atr_str){ authority.at + 1, (size_t)(close - authority.at - 1) },
			ATR_STR(""));
		rest = (struct atr_str){ close + 1,
					 authority.len - (size_t)(close + 1 - authority.at) };
	} else {
		colon = authority.len ? memchr(authority.at, ':', authority.len) : NULL;
		rest = colon ? (struct atr_str){ colon,
						 authority.len - (size_t)(colon - authority.at) } :
			       (struct atr_str){ "", 0 };
		e->host = keep((struct atr_str){ authority.at, authority.len - rest.len },
			       ATR_STR(""));
	}
	if (!e->host.len)
		return false;
	if (!rest.len)
		return true;
	return rest.at[0] == ':' &&
	       read_port((struct atr_str){ rest.at + 1, rest.len - 1 }, &e->port);
}

/* Behind a base the signal's path, with one slash between. */
static struct atr_str path_behind(struct atr_str base, const struct atr_exporter_options *e)
{
	while (base.len && base.at[base.len - 1] == '/')
		base.len--;
	return keep(base, path_of(e));
}

/* unix:/path.sock, and after a colon the path of the request, or its base. */
static bool read_unix(struct atr_str url, bool is_base, struct atr_exporter_options *e)
{
	const char *colon = memchr(url.at, ':', url.len);
	size_t len = colon ? (size_t)(colon - url.at) : url.len;

	while (len > 1 && url.at[0] == '/' && url.at[1] == '/') {
		url.at++;
		url.len--;
		len--;
	}
	e->unix_path = keep((struct atr_str){ url.at, len }, ATR_STR(""));
	e->host = ATR_STR("localhost");
	e->path = colon ? (struct atr_str){ colon + 1, url.len - len - 1 } : path_of(e);
	if (colon && is_base && e->path.len && e->path.at[0] == '/')
		e->path = path_behind(e->path, e);
	return len > 0 && len < sizeof(((struct sockaddr_un *)0)->sun_path) && e->path.len &&
	       e->path.at[0] == '/';
}

static bool read_http(struct atr_str url, bool is_base, struct atr_exporter_options *e)
{
	size_t len = 0;
	struct atr_str path;

	while (len < url.len && !strchr("/?#", url.at[len]))
		len++;
	path = (struct atr_str){ url.at + len, url.len - len };
	e->port = e->is_tls ? 443 : 80;
	if (!read_authority((struct atr_str){ url.at, len }, e))
		return false;
	if (path.len && memchr(path.at, '#', path.len))
		path.len = (size_t)((const char *)memchr(path.at, '#', path.len) - path.at);
	if (is_base) {
		/* a base: the signal's path is added, with one slash between; not behind a query */
		if (path.len && memchr(path.at, '?', path.len))
			return false;
		e->path = path_behind(path, e);
	} else if (path.len && path.at[0] == '/') {
		e->path = path;
	} else {
		e->path = keep(ATR_STR("/"), path);
	}
	return e->path.at != NULL;
}

/* What may be in a URL, and so in a request's first line. */
static bool is_plain(struct atr_str url)
{
	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] <= ' ' || url.at[i] > '~')
			return false;
	return true;
}

#define URL_MAX 2000

/* Why this is no endpoint; NULL when it is one, and is read. */
static const char *read_url(struct atr_str url, bool is_base, struct atr_exporter_options *e)
{
	if (url.len > URL_MAX)
		return "longer than 2000 bytes";
	if (!is_plain(url))
		return "it has characters that no URL has";
	if (atr_str_strip_nocase(&url, ATR_STR("unix:")))
		return read_unix(url, is_base, e) ? NULL : "not the path of a socket";
	e->is_tls = atr_str_strip_nocase(&url, ATR_STR("https://"));
	if ((e->is_tls || atr_str_strip_nocase(&url, ATR_STR("http://"))) &&
	    read_http(url, is_base, e))
		return NULL;
	return "not an http://, https:// or unix: URL";
}

static bool has_scheme(struct atr_str url)
{
	return memmem(url.at, url.len, "://", 3) || atr_str_strip_nocase(&url, ATR_STR("unix:"));
}

/*
 * gRPC's may be a host and a port alone, which is TLS unless _INSECURE says otherwise; any other is
 * as it is.
 */
static struct atr_str with_scheme(struct atr_str url, const struct atr_exporter_options *e)
{
	const char *own = names[INSECURE][e->signal];
	bool is_insecure =
		atr_env_bool(atr_env_get(own).at ? own : names[INSECURE][GENERAL], false);

	if (!e->is_grpc || has_scheme(url))
		return url;
	return keep(is_insecure ? ATR_STR("http://") : ATR_STR("https://"), url);
}

/* Behind a host there is more than a slash. */
static bool has_path(struct atr_str url)
{
	const char *slashes = memmem(url.at, url.len, "://", 3), *slash;
	struct atr_str rest = url;

	if (slashes)
		rest = (struct atr_str){ slashes + 3, url.len - (size_t)(slashes + 3 - url.at) };
	else if (atr_str_strip_nocase(&rest, ATR_STR("unix:")))
		return false;
	slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
	return slash && slash + 1 < rest.at + rest.len;
}

static void read_endpoint(struct atr_exporter_options *e)
{
	const char *name, *why;
	struct atr_str url = otlp(e, ENDPOINT, &name);
	struct atr_str shown = url, rest = url;
	bool has_password = url.len && memchr(url.at, '@', url.len);

	if (has_password)
		shown = (struct atr_str){ 0 };
	if (url.at) {
		why = read_url(with_scheme(url, e), name == names[ENDPOINT][GENERAL], e);
		if (!why && e->is_grpc && has_path(url))
			atr_log_bad_env(name, shown, "gRPC has paths of its own",
					"the path in it is left out");
		if (!why && has_password && !e->unix_path.len)
			atr_log_bad_env(name, shown, "a user's name in a URL is not sent",
					"the rest of it is used");
		if (!why)
			return;
		if (atr_str_strip_nocase(&rest, ATR_STR("https://"))) {
			/* never in the clear what was asked to be secret */
			atr_log_bad_env(name, shown, why,
					e->signal == ATR_METRICS ? "metrics are not sent" :
					e->signal == ATR_LOGS	 ? "log records are not sent" :
								   "spans are not sent");
			e->host = e->unix_path = (struct atr_str){ 0 };
			return;
		}
		atr_log_bad_env(name, shown, why,
				e->is_grpc ? "http://localhost:4317 is used" :
					     "http://localhost:4318 is used");
	}
	e->is_tls = false;
	e->unix_path = (struct atr_str){ 0 };
	e->host = ATR_STR("localhost");
	e->port = e->is_grpc ? 4317 : 4318;
	e->path = path_of(e);
}

/* A file's path; absent when none is said. */
static struct atr_str read_path(const struct atr_exporter_options *e, unsigned what)
{
	const char *name;
	struct atr_str path = otlp(e, what, &name);

	if (path.at && path.len >= PATH_MAX) {
		atr_log_bad_env(name, path, "longer than a path can be", "it is left out");
		path.at = NULL;
	}
	return path.at ? keep(path, ATR_STR("")) : (struct atr_str){ 0 };
}

static void read_tls(struct atr_exporter_options *e)
{
	e->ca_file = read_path(e, CERTIFICATE);
	e->client_certificate = read_path(e, CLIENT_CERTIFICATE);
	e->client_key = read_path(e, CLIENT_KEY);
	if (!e->client_certificate.at == !e->client_key.at)
		return;
	atr_log_bad_env(names[e->client_key.at ? CLIENT_KEY : CLIENT_CERTIFICATE][GENERAL],
			e->client_key.at ? e->client_key : e->client_certificate,
			"a certificate and its key go together", "it is left out");
	e->client_certificate = e->client_key = (struct atr_str){ 0 };
}

static bool is_token(struct atr_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c && strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return name.len != 0;
}

/* A control character would end the header, and begin one of somebody else's. */
static bool is_header_value(struct atr_str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') ||
		    value.at[i] == 0x7f)
			return false;
	return value.at != NULL;
}

/* Those that say how the request is to be read are the transport's. */
static bool is_the_transports(struct atr_str name)
{
	static const char names[][18] = { "host",	  "content-length",
					  "content-type", "transfer-encoding",
					  "connection",	  "user-agent" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (atr_str_equal_nocase(name, atr_str(names[i])))
			return true;
	return false;
}

static struct atr_pair *header_named(struct atr_exporter_options *e, struct atr_str name)
{
	unsigned i = 0;

	while (i < e->nr_headers && !atr_str_equal_nocase(e->headers[i].name, name))
		i++;
	return &e->headers[i];
}

#define HEADERS_LEN_MAX (ATR_HTTP_HEAD_MAX - 2 * URL_MAX - 1024)

/* Why this is no header; NULL when it is one, and is read. */
static const char *read_header(struct atr_str member, struct atr_exporter_options *e, size_t *room)
{
	const char *equals = memchr(member.at, '=', member.len);
	struct atr_str name, value;
	struct atr_pair *pair;

	if (!equals)
		return "a header in it is not key=value";
	name = atr_str_trim((struct atr_str){ member.at, (size_t)(equals - member.at) });
	value = (struct atr_str){ equals + 1, member.len - (size_t)(equals + 1 - member.at) };
	if (value.len > HEADERS_LEN_MAX)
		return "a header in it is too long";
	value = atr_percent_decoded(atr_str_trim(value));
	pair = header_named(e, name);
	if (!is_token(name))
		return "the name of a header in it is none";
	if (!is_header_value(value))
		return "a header in it has characters that no header has";
	if (is_the_transports(name))
		return "a header in it is not the user's to set";
	if (pair < e->headers + e->nr_headers)
		return "a header in it is there twice";
	if (e->nr_headers == ATR_OTLP_HEADERS_MAX || name.len + value.len + 4 > *room)
		return "there are too many headers in it, or too long ones";
	*room -= name.len + value.len + 4;
	*pair = (struct atr_pair){ name, value };
	e->nr_headers++;
	return NULL;
}

static void read_headers(struct atr_exporter_options *e)
{
	const char *name, *why = NULL;
	struct atr_str list = otlp(e, HEADERS, &name);
	struct atr_str member, secret = { 0 };
	size_t room = HEADERS_LEN_MAX;

	while (atr_list_next(&list, &member)) {
		const char *wrong = read_header(member, e, &room);

		why = why ? why : wrong;
	}
	if (why)
		atr_log_bad_env(name, secret, why, "it is left out");
}

static void read_otlp(struct atr_exporter_options *e)
{
	const char *name;
	struct atr_str protocol = otlp(e, PROTOCOL, &name);
	struct atr_str compression;

	e->way = ATR_WAY_HTTP;
	e->encoding = ATR_ENCODING_OTLP_PROTOBUF;
	e->path = ATR_STR("/");
	e->is_grpc = atr_str_equal_nocase(protocol, ATR_STR("grpc"));
	if (atr_str_equal_nocase(protocol, ATR_STR("http/json")))
		e->encoding = ATR_ENCODING_OTLP_JSON;
	else if (protocol.at && !e->is_grpc &&
		 !atr_str_equal_nocase(protocol, ATR_STR("http/protobuf")))
		atr_log_bad_env(name, protocol, "not grpc, http/protobuf or http/json",
				"http/protobuf is used");
	compression = otlp(e, COMPRESSION, &name);
	e->is_gzip = atr_str_equal_nocase(compression, ATR_STR("gzip"));
	if (compression.at && !e->is_gzip && !atr_str_equal_nocase(compression, ATR_STR("none")))
		atr_log_bad_env(name, compression, "not gzip or none", "none is used");
	read_endpoint(e);
	read_tls(e);
	read_headers(e);
	/* one that is wrong is as if it were not set, and the general one counts */
	e->timeout_ms =
		atr_env_ms(names[TIMEOUT][e->signal], atr_env_ms(names[TIMEOUT][GENERAL], 10000));
}

static void read_zipkin(struct atr_exporter_options *e)
{
	static const char name[] = "OTEL_EXPORTER_ZIPKIN_ENDPOINT";
	struct atr_str url = atr_str_trim(atr_env_get(name)), shown = url;
	const char *why = url.at ? read_url(url, false, e) : NULL;

	e->timeout_ms = atr_env_ms("OTEL_EXPORTER_ZIPKIN_TIMEOUT", 10000);
	if (url.at && !why)
		return;
	if (url.at && memchr(url.at, '@', url.len))
		shown = (struct atr_str){ 0 };
	if (why && atr_str_strip_nocase(&url, ATR_STR("https://"))) {
		atr_log_bad_env(name, shown, why, "spans are not sent");
		e->host = e->unix_path = (struct atr_str){ 0 };
		return;
	}
	if (why)
		atr_log_bad_env(name, shown, why, "http://localhost:9411/api/v2/spans is used");
	e->is_tls = false;
	e->unix_path = (struct atr_str){ 0 };
	e->host = ATR_STR("localhost");
	e->port = 9411;
	e->path = ATR_STR("/api/v2/spans");
}

static void read_file(struct atr_exporter_options *e)
{
	e->way = ATR_WAY_FILE;
	e->file = atr_env_get("AUTOTRACE_FILE");
	if (e->file.len >= PATH_MAX) {
		atr_log_bad_env("AUTOTRACE_FILE", e->file, "longer than a path can be",
				"autotrace.jsonl is used");
		e->file.at = NULL;
	}
	if (!e->file.at)
		e->file = ATR_STR("autotrace.jsonl");
	e->file_max_bytes = atr_env_uint("AUTOTRACE_FILE_MAX_BYTES", 0, 0, INT32_MAX);
	e->file_keep = atr_env_uint("AUTOTRACE_FILE_KEEP", 1, 1, 99);
}

/* False: there is no such exporter. */
static bool read_exporter(struct atr_str name, struct atr_exporter_options *e)
{
	memset(e, 0, sizeof(*e));
	e->encoding = ATR_ENCODING_OTLP_JSON;
	if (atr_str_equal_nocase(name, ATR_STR("otlp")))
		e->way = ATR_WAY_HTTP;
	else if (atr_str_equal_nocase(name, ATR_STR("zipkin")))
		e->encoding = ATR_ENCODING_ZIPKIN;
	else if (atr_str_equal_nocase(name, ATR_STR("otlp/stdout")) ||
		 atr_str_equal_nocase(name, ATR_STR("console")))
		e->way = ATR_WAY_STDOUT;
	else if (atr_str_equal_nocase(name, ATR_STR("otlp/file")))
		e->way = ATR_WAY_FILE;
	else if (atr_str_equal_nocase(name, ATR_STR("xray")) ||
		 atr_str_equal_nocase(name, ATR_STR("otlp/xray")))
		e->way = ATR_WAY_UDP;
	else
		return false;
	if (e->way == ATR_WAY_UDP)
		e->encoding = name.len == 4 ? ATR_ENCODING_XRAY : ATR_ENCODING_OTLP_XRAY;
	return true;
}

/*
 * AWS_XRAY_DAEMON_ADDRESS: "ip:port", or "tcp:ip:port udp:ip:port" in either
 * order (X-Ray developer guide, "Configuring the daemon").
 */
static void read_daemon(struct atr_exporter_options *e, const char *protocol)
{
	static const char name[] = "AWS_XRAY_DAEMON_ADDRESS";
	struct atr_str text = atr_str_trim(atr_env_get(name)), address = text;
	const char *of = text.len ? memmem(text.at, text.len, protocol, 4) : NULL, *end;

	if (of) {
		address = (struct atr_str){ of + 4, text.len - (size_t)(of + 4 - text.at) };
		end = memchr(address.at, ' ', address.len);
		if (end)
			address.len = (size_t)(end - address.at);
	}
	e->port = 2000;
	if (address.len && read_authority(address, e))
		return;
	if (text.len)
		atr_log_bad_env(name, text, "not an address and a port", "127.0.0.1:2000 is used");
	e->host = ATR_STR("127.0.0.1");
	e->port = 2000;
}

void atr_options_read_daemon_http(struct atr_str url, struct atr_exporter_options *out)
{
	out->way = ATR_WAY_HTTP;
	if (!url.len || read_url(url, false, out))
		read_daemon(out, "tcp:");
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("-._~", c));
}

#define SERVICE_MAX 255

/* ?service=NAME, percent-encoded. */
static struct atr_str with_service(struct atr_str path, struct atr_str service)
{
	static const char digits[] = "0123456789ABCDEF";
	char room[sizeof("&service=") + 3 * SERVICE_MAX], *at = room;

	at = stpcpy(at, memchr(path.at, '?', path.len) ? "&service=" : "?service=");
	for (size_t i = 0; i < service.len && i < SERVICE_MAX; i++) {
		unsigned char c = (unsigned char)service.at[i];

		if (is_unreserved((char)c)) {
			*at++ = (char)c;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return keep(path, (struct atr_str){ room, (size_t)(at - room) });
}

bool atr_options_read_strategies(struct atr_str url, struct atr_str service,
				 struct atr_exporter_options *out)
{
	out->way = ATR_WAY_HTTP;
	out->signal = ATR_SAMPLING;
	if (!url.len)
		url = ATR_STR("http://localhost:5778/sampling");
	else if (!has_scheme(url))
		url = keep(ATR_STR("http://"), url);
	if (!url.at || read_url(url, false, out))
		return false;
	if (atr_str_equal(out->path, ATR_STR("/")) && out->port == 5778)
		out->path = ATR_STR("/sampling");
	out->is_grpc = atr_str_equal(out->path, ATR_STR("/"));
	if (!out->is_grpc)
		out->path = with_service(out->path, service);
	return out->path.at;
}

bool atr_options_say_xray(void)
{
	struct atr_str list = atr_env_get("OTEL_TRACES_EXPORTER"), name;

	if (!list.at)
		return atr_env_get("AWS_LAMBDA_RUNTIME_API").at &&
		       atr_env_get("AWS_XRAY_DAEMON_ADDRESS").at &&
		       !atr_env_get("OTEL_EXPORTER_OTLP_ENDPOINT").at &&
		       !atr_env_get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").at;
	while (atr_list_next(&list, &name))
		if (atr_str_equal_nocase(name, ATR_STR("xray")) ||
		    atr_str_equal_nocase(name, ATR_STR("otlp/xray")))
			return true;
	return false;
}

static bool is_there(const struct atr_options *out, const struct atr_exporter_options *e)
{
	for (unsigned i = 0; i < out->nr_exporters; i++)
		if (out->exporter[i].way == e->way &&
		    (e->way != ATR_WAY_HTTP || out->exporter[i].encoding == e->encoding))
			return true;
	return false;
}

bool atr_options_say_none(void)
{
	return atr_str_equal_nocase(atr_str_trim(atr_env_get("OTEL_TRACES_EXPORTER")),
				    ATR_STR("none"));
}

/* Which they are; each once, so that no more than ATR_EXPORTERS_MAX can be. */
static void read_names(struct atr_options *out)
{
	struct atr_str list = atr_env_get("OTEL_TRACES_EXPORTER"), whole = list, name;
	const char *why = NULL, *instead = "it is left out";
	bool is_none = false;

	while (atr_list_next(&list, &name)) {
		struct atr_exporter_options e;

		if (atr_str_equal_nocase(name, ATR_STR("none")))
			is_none = true;
		else if (!read_exporter(name, &e))
			why = "an exporter in it is not known here";
		else if (is_there(out, &e))
			why = why ? why : "an exporter in it is there twice";
		else
			out->exporter[out->nr_exporters++] = e;
	}
	if (is_none && out->nr_exporters) {
		why = "none, and others";
		instead = "the others are used";
	} else if (is_none) {
		instead = "none is used";
	} else if (!out->nr_exporters) {
		read_exporter(whole.at || !atr_options_say_xray() ? ATR_STR("otlp") :
								    ATR_STR("xray"),
			      &out->exporter[out->nr_exporters++]);
		instead = "otlp is used";
	}
	if (why)
		atr_log_bad_env("OTEL_TRACES_EXPORTER", whole, why, instead);
}

static void read_exporters(struct atr_options *out)
{
	memset(out->exporter, 0, sizeof(out->exporter));
	out->nr_exporters = 0;
	read_names(out);
	for (unsigned i = 0; i < out->nr_exporters; i++) {
		if (out->exporter[i].encoding == ATR_ENCODING_ZIPKIN)
			read_zipkin(&out->exporter[i]);
		else if (out->exporter[i].way == ATR_WAY_HTTP)
			read_otlp(&out->exporter[i]);
		else if (out->exporter[i].way == ATR_WAY_FILE)
			read_file(&out->exporter[i]);
		else if (out->exporter[i].way == ATR_WAY_UDP)
			read_daemon(&out->exporter[i], "udp:");
	}
}

bool atr_options_export_metrics(void)
{
	static const char name[] = "OTEL_METRICS_EXPORTER";
	struct atr_str value = atr_str_trim(atr_env_get(name));
	bool is_otlp = atr_str_equal_nocase(value, ATR_STR("otlp"));

	if (value.at && !is_otlp && !atr_str_equal_nocase(value, ATR_STR("none")))
		atr_log_bad_env(name, value, "neither otlp nor none", "none is used");
	return is_otlp;
}

static void read_metrics(struct atr_options *out)
{
	static const char name[] = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
	struct atr_str kind = atr_str_trim(atr_env_get(name));

	memset(&out->metrics, 0, sizeof(out->metrics));
	out->metrics.signal = ATR_METRICS;
	out->metric_interval_ms = atr_env_ms("OTEL_METRIC_EXPORT_INTERVAL", 60000);
	out->metric_timeout_ms = atr_env_ms("OTEL_METRIC_EXPORT_TIMEOUT", 30000);
	/* all that only grows is counted as it happens, which is delta for lowmemory too */
	out->metrics_are_delta = atr_str_equal_nocase(kind, ATR_STR("delta")) ||
				 atr_str_equal_nocase(kind, ATR_STR("lowmemory"));
	if (kind.at && !out->metrics_are_delta &&
	    !atr_str_equal_nocase(kind, ATR_STR("cumulative")))
		atr_log_bad_env(name, kind, "not cumulative, delta or lowmemory",
				"cumulative is used");
	read_otlp(&out->metrics);
}

static void read_logs(struct atr_options *out)
{
	static const char name[] = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE";
	uint32_t most = out->log_queue_size < ATR_BATCH_MAX ? out->log_queue_size : ATR_BATCH_MAX;

	memset(&out->logs, 0, sizeof(out->logs));
	out->logs.signal = ATR_LOGS;
	out->log_delay_ms = atr_env_ms("OTEL_BLRP_SCHEDULE_DELAY", 1000);
	out->log_timeout_ms = atr_env_ms("OTEL_BLRP_EXPORT_TIMEOUT", 30000);
	out->log_batch_size = atr_env_uint(name, most < 512 ? most : 512, 1, most);
	read_otlp(&out->logs);
}

void atr_options_read_log_queue(struct atr_options *out)
{
	out->log_queue_size = atr_env_uint("OTEL_BLRP_MAX_QUEUE_SIZE", 2048, 1, 1 << 16);
}

void atr_options_read_others(struct atr_options *out, bool metrics, bool logs)
{
	if (metrics)
		read_metrics(out);
	if (logs)
		read_logs(out);
}

void atr_options_read_queue(struct atr_options *out)
{
	static const char name[] = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
	uint32_t most;

	out->max_queue_size = atr_env_uint("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1 << 20);
	most = out->max_queue_size < ATR_BATCH_MAX ? out->max_queue_size : ATR_BATCH_MAX;
	out->max_export_batch_size = atr_env_uint(name, most < 512 ? most : 512, 1, most);
}

/* The model's own variable before the general one. */
static uint32_t limit(const char *of_spans, const char *general, uint32_t otherwise)
{
	if (general)
		otherwise = atr_env_uint(general, otherwise, 0, INT32_MAX);
	return atr_env_uint(of_spans, otherwise, 0, INT32_MAX);
}

void atr_options_read(struct atr_options *out)
{
	text_len = 0;
	if (atr_env_is_cut())
		atr_log("there are more OTEL_ and AUTOTRACE_ variables than 256, or than 256 KiB: "
			"those beyond are left out");
	atr_options_tell_unserved();
	read_exporters(out);
	out->schedule_delay_ms = atr_env_ms("OTEL_BSP_SCHEDULE_DELAY", 5000);
	out->export_timeout_ms = atr_env_ms("OTEL_BSP_EXPORT_TIMEOUT", 30000);
	out->attribute_value_length_limit = limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
						  "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", UINT32_MAX);
	out->attribute_count_limit =
		limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", 128);
	out->event_count_limit = limit("OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, 128);
	out->link_count_limit = limit("OTEL_SPAN_LINK_COUNT_LIMIT", NULL, 128);
	out->event_attribute_count_limit = limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
	out->link_attribute_count_limit = limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
}

void atr_options_read_log_level(void)
{
	static const char name[] = "OTEL_LOG_LEVEL";
	static const char levels[][8] = { "trace", "debug", "info", "warn", "warning",
					  "error", "fatal", "none", "off" };
	struct atr_str level = atr_str_trim(atr_env_get(name));
	size_t nr = sizeof(levels) / sizeof(levels[0]), i = 0;

	atr_log_without_warnings(false);
	if (!level.at)
		return;
	while (i < nr && !atr_str_equal_nocase(level, atr_str(levels[i])))
		i++;
	if (i == nr)
		atr_log_bad_env(name, level, "not a level of logs", "info is used");
	atr_log_without_warnings(i >= 5 && i < nr);
}
