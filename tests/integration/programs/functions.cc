/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_cc PORT HOW: C++'s exceptions through functions that may be followed.
 *
 *	thrown     out of one, caught by its caller
 *	destroyed  the same, and an object makes a request while the stack is unwound
 *	again      caught in one, and thrown once more out of two
 *	hopping    out of one that was called as the last act of another
 *	many       thousands of them, in threads that end
 *	named      functions in namespaces and classes
 */
#include "functions.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#define OUTSIDE __attribute__((noinline))

struct asks {
	const char *name;
	~asks()
	{
		submit_user(name);
	}
};

static int throws(void *name)
{
	if (name)
		submit_user(static_cast<const char *>(name));
	throw std::runtime_error("thrown");
}

static int throws_with_object(void *)
{
	asks object{ "destroyed" };

	return throws(nullptr);
}

static int catches(void *)
{
	try {
		return with_callback(throws, nullptr);
	} catch (const std::exception &) {
		submit_user(const_cast<char *>("caught"));
		throw;
	}
}

static int hops_to_throws(void *)
{
	return hops_to(throws, nullptr);
}

static void runs(int (*call)(void *), void *arg, const char *name)
{
	try {
		printf("returned: %d\n", with_callback(call, arg));
	} catch (const std::exception &e) {
		printf("caught: %s\n", e.what());
	}
	printf("after: %d\n", submit_user(name));
}

static void many()
{
	for (int i = 0; i < 50; i++)
		std::thread([] {
			for (int k = 0; k < 40; k++)
				try {
					with_callback(throws, nullptr);
				} catch (const std::exception &) {
				}
		}).join();
	printf("caught: all\n");
}

namespace shop
{
struct order {
	OUTSIDE order();
	OUTSIDE int submit(int n) const;
};
order::order()
{
	submit_user("made");
}
int order::submit(int n) const
{
	return submit_user("submitted") + n;
}
namespace
{
OUTSIDE int hidden(const char *name)
{
	int status = submit_user(name);

	asm volatile("" : "+r"(status));
	return status;
}
} // namespace
} // namespace shop

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	functions_port = argv[1];
	if (!strcmp(argv[2], "thrown"))
		runs(throws, const_cast<char *>("before"), "after");
	else if (!strcmp(argv[2], "destroyed"))
		runs(throws_with_object, nullptr, "after");
	else if (!strcmp(argv[2], "again"))
		runs(catches, nullptr, "after");
	else if (!strcmp(argv[2], "hopping"))
		runs(hops_to_throws, nullptr, "after");
	else if (!strcmp(argv[2], "many"))
		many();
	else if (!strcmp(argv[2], "named"))
		printf("named: %d\n", shop::order().submit(1) + shop::hidden("hidden"));
	else
		return 2;
	return 0;
}
