// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order: requests reach the ring in the order in which blk-mq gave them to the
 * driver, whatever has kept them.
 */
#include "fixture.h"

#define PLUG	32

static void in_a_plug_list(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	io_prepare_reads(test, 0, PLUG);
	io_submit(fix, 0, PLUG);
	io_wait(test, 0, PLUG);
	expect_same_order(test, HOOK_START, HOOK_ADD, PLUG);
}

static void from_a_scheduler(struct kunit *test)
{
	struct fixture *fix = fixture_scheduled_disk(test);

	io_prepare_reads(test, 0, PLUG);
	io_submit(fix, 0, PLUG);
	io_wait(test, 0, PLUG);
	expect_same_order(test, HOOK_START, HOOK_ADD, PLUG);
}

/* 21 go in, the others follow in order, later ones behind them. */
static void in_the_backlog(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=64 -indirect_desc");

	io_prepare_reads(test, 0, 32);
	sim_hold(fix->sim);
	io_submit(fix, 0, 16);
	io_submit(fix, 16, 8);
	io_submit(fix, 24, 8);
	KUNIT_EXPECT_EQ(test, 21, hook_count(HOOK_ADD));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 32);
	expect_same_order(test, HOOK_START, HOOK_ADD, 32);
}

/* A small request, for which there is room, does not overtake a large one. */
static void behind_a_large_one(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=16 -indirect_desc");

	io_prepare_reads(test, 0, 2);
	io_prepare(test, 2, REQ_OP_WRITE, 4096, 12 * SZ_2K);
	io_prepare(test, 3, REQ_OP_READ, 8192, SECTOR_SIZE);
	sim_hold(fix->sim);
	io_submit(fix, 0, 2);
	io_submit(fix, 2, 1);
	io_submit(fix, 3, 1);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 4);
	expect_same_order(test, HOOK_START, HOOK_ADD, 4);
}

static void hold_while_b_stages(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	actor_start(&step.b, CPU_B, step.fix, 8, 8);
	step_until(step_b_is_done);
}

/* What another has staged, one plug list at once, is taken in order as well. */
static void staged_by_another(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 16);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_while_b_stages;
	actor_start(&step.a, CPU_A, fix, 0, 8);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	io_wait(test, 0, 16);
	expect_same_order(test, HOOK_START, HOOK_ADD, 16);
}

/* One that cannot be mapped now keeps its place. */
static atomic_t unmappable;

static int fail_now_and_then(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
			     unsigned int in)
{
	return atomic_inc_return(&unmappable) % 3 ? 0 : -ENOMEM;
}

static void after_a_failure_to_map(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	atomic_set(&unmappable, 0);
	io_prepare_reads(test, 0, 16);
	hooks.add = fail_now_and_then;
	io_submit(fix, 0, 16);
	io_wait(test, 0, 16);
	expect_same_order(test, HOOK_START, HOOK_ADD, 16);
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(in_a_plug_list),
	KUNIT_CASE(from_a_scheduler),
	KUNIT_CASE(in_the_backlog),
	KUNIT_CASE(behind_a_large_one),
	KUNIT_CASE(staged_by_another),
	KUNIT_CASE(after_a_failure_to_map),
	{ }
};

struct kunit_suite virtblk_order_suite = {
	.name = "virtblk_order",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = order_cases,
};
