/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lambda_report.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static double in_ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static uint64_t whole_ms(uint64_t ns)
{
	return (ns + 999999) / 1000000;
}

uint64_t atr_lambda_report_billed_ms(const struct atr_lambda_report *report)
{
	return whole_ms(report->duration_ns + report->init_ns);
}

static void put_status(FILE *out, const char *status, const char *error_type)
{
	if (!status)
		return;
	fprintf(out, "Status: %s\t", status);
	if (error_type && *error_type && strcmp(status, "error") == 0)
		fprintf(out, "Error Type: %s\t", error_type);
}

void atr_lambda_report_put(FILE *out, const struct atr_lambda_report *r)
{
	fprintf(out,
		"REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %" PRIu64
		" ms\tMemory Size: %u MB\tMax Memory Used: %" PRIu64 " MB\t",
		r->request_id, in_ms(r->duration_ns), atr_lambda_report_billed_ms(r), r->memory_mb,
		(r->peak_kb + 1023) / 1024);
	if (r->init_ns)
		fprintf(out, "Init Duration: %.2f ms\t", in_ms(r->init_ns));
	if (r->restore_ns)
		fprintf(out, "Restore Duration: %.2f ms\tBilled Restore Duration: %" PRIu64 " ms\t",
			in_ms(r->restore_ns), whole_ms(r->restore_ns));
	put_status(out, r->status, r->error_type);
	putc('\n', out);
	if (r->trace_id)
		fprintf(out, "XRAY TraceId: %s\tSegmentId: %s\tSampled: %s\t\n", r->trace_id,
			r->segment_id, r->is_sampled ? "true" : "false");
}

void atr_lambda_report_put_init(FILE *out, uint64_t init_ns, const char *status,
				const char *error_type)
{
	fprintf(out, "INIT_REPORT Init Duration: %.2f ms\tPhase: init\t", in_ms(init_ns));
	put_status(out, status, error_type);
	putc('\n', out);
}

void atr_lambda_report_put_timeout(FILE *out, const char *request_id, uint64_t now_ns,
				   double seconds)
{
	time_t whole = (time_t)(now_ns / 1000000000u);
	struct tm tm;
	char time[32];

	gmtime_r(&whole, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, "%s.%03uZ %s Task timed out after %.2f seconds\n\n", time,
		(unsigned)(now_ns / 1000000u % 1000u), request_id, seconds);
}

void atr_lambda_report_put_exit(FILE *out, const char *request_id, int wait_status)
{
	fprintf(out, "RequestId: %s Error: Runtime exited ", request_id);
	if (WIFSIGNALED(wait_status))
		fprintf(out, "with error: signal: %s\n", strsignal(WTERMSIG(wait_status)));
	else if (WEXITSTATUS(wait_status))
		fprintf(out, "with error: exit status %d\n", WEXITSTATUS(wait_status));
	else
		fputs("without providing a reason\n", out);
	fputs("Runtime.ExitError\n", out);
}
