/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/lambda_report.h"

#define WRITES(expected, statement)                   \
	do {                                          \
		char *text = NULL;                    \
		TOOLS_WRITE(text, statement);         \
		CHECK(strcmp(text, (expected)) == 0); \
		free(text);                           \
	} while (0)

TEST(lambda_report_of_a_cold_start_bills_init)
{
	struct atr_lambda_report r = { .request_id = "the-id",
				       .duration_ns = 1490000,
				       .init_ns = 27950000,
				       .memory_mb = 128,
				       .peak_kb = 15361,
				       .trace_id = "1-5759e988-bd862e3fe1be46a994272793",
				       .segment_id = "53995c3f42cd8ad8",
				       .is_sampled = true };

	WRITES("REPORT RequestId: the-id\tDuration: 1.49 ms\tBilled Duration: 30 ms\t"
	       "Memory Size: 128 MB\tMax Memory Used: 16 MB\tInit Duration: 27.95 ms\t\n"
	       "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\t"
	       "Sampled: true\t\n",
	       atr_lambda_report_put(out, &r));
}

TEST(lambda_report_of_a_warm_start_has_neither_init_nor_trace_when_there_is_none)
{
	struct atr_lambda_report r = {
		.request_id = "x", .duration_ns = 2000000, .memory_mb = 10240, .peak_kb = 1024
	};

	WRITES("REPORT RequestId: x\tDuration: 2.00 ms\tBilled Duration: 2 ms\t"
	       "Memory Size: 10240 MB\tMax Memory Used: 1 MB\t\n",
	       atr_lambda_report_put(out, &r));
}

TEST(lambda_report_tells_how_it_failed)
{
	struct atr_lambda_report r = { .request_id = "x", .status = "timeout", .error_type = "E" };
	char *text = NULL;

	TOOLS_WRITE(text, atr_lambda_report_put(out, &r));
	CHECK(strstr(text, " MB\tStatus: timeout\t\n") && !strstr(text, "Error Type"));
	free(text);
	r.status = "error";
	r.restore_ns = 1500000;
	TOOLS_WRITE(text, atr_lambda_report_put(out, &r));
	CHECK(strstr(text, "Restore Duration: 1.50 ms\tBilled Restore Duration: 2 ms\t"
			   "Status: error\tError Type: E\t\n"));
	free(text);
	WRITES("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\t\n",
	       atr_lambda_report_put_init(out, 10000000000u, "timeout", NULL));
}

TEST(lambda_report_bills_begun_milliseconds)
{
	static const struct {
		uint64_t duration_ns, init_ns, ms;
	} cases[] = { { 0, 0, 0 },	 { 1, 0, 1 },		{ 1000000, 0, 1 },
		      { 1000001, 0, 2 }, { 600000, 600000, 2 }, { 3000000000, 0, 3000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct atr_lambda_report r = { .duration_ns = cases[i].duration_ns,
					       .init_ns = cases[i].init_ns };

		CHECK(atr_lambda_report_billed_ms(&r) == cases[i].ms);
	}
}

TEST(lambda_report_of_a_timeout_and_of_an_end)
{
	WRITES("2009-02-13T23:31:30.007Z x Task timed out after 3.00 seconds\n\n",
	       atr_lambda_report_put_timeout(out, "x", 1234567890007000000u, 3));
	WRITES("RequestId: x Error: Runtime exited without providing a reason\nRuntime.ExitError\n",
	       atr_lambda_report_put_exit(out, "x", 0));
	WRITES("RequestId: x Error: Runtime exited with error: exit status 3\nRuntime.ExitError\n",
	       atr_lambda_report_put_exit(out, "x", 3 << 8));
	WRITES("RequestId: x Error: Runtime exited with error: signal: Killed\nRuntime.ExitError\n",
	       atr_lambda_report_put_exit(out, "x", 9));
}
