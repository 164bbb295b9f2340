/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_LAMBDA_REPORT_H
#define ATR_TOOLS_LAMBDA_REPORT_H

/* lambda_report: the lines that Lambda's log has of each invocation. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct atr_lambda_report {
	const char *request_id;
	uint64_t duration_ns;
	uint64_t init_ns, restore_ns; /* 0: it had none */
	unsigned memory_mb;
	uint64_t peak_kb;
	const char *status;	/* "timeout", "error"; NULL: it went well */
	const char *error_type; /* beside "error" */
	/* the line of the trace, when there is one */
	const char *trace_id, *segment_id;
	bool is_sampled;
};

/* "REPORT RequestId: ...", and "XRAY TraceId: ..." below it. */
void atr_lambda_report_put(FILE *out, const struct atr_lambda_report *report);

/* "INIT_REPORT Init Duration: ..."; `status` and `error_type` as above. */
void atr_lambda_report_put_init(FILE *out, uint64_t init_ns, const char *status,
				const char *error_type);

/* "2026-01-31T12:00:00.123Z <id> Task timed out after 3.00 seconds"; the time as of `now_ns`. */
void atr_lambda_report_put_timeout(FILE *out, const char *request_id, uint64_t now_ns,
				   double seconds);

/* "RequestId: <id> Error: Runtime exited ..." and the error's type; as waitpid told it. */
void atr_lambda_report_put_exit(FILE *out, const char *request_id, int wait_status);

/* Whole milliseconds, begun ones counted: Init is billed with the invocation. */
uint64_t atr_lambda_report_billed_ms(const struct atr_lambda_report *report);

#endif
