// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications: at most one a plug list, none that the device does not want,
 * none that is forgotten.
 */
#include "fixture.h"

#define PLUG	32

static void expect_once(struct kunit *test, struct fixture *fix)
{
	io_prepare_reads(test, 0, PLUG);
	sim_hold(fix->sim);
	io_submit(fix, 0, PLUG);
	KUNIT_EXPECT_EQ(test, PLUG, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_KICK_PREPARE));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_NOTIFY));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.kicks);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, PLUG);
}

/* By queue_rqs. */
static void once_for_a_plug_list(struct kunit *test)
{
	expect_once(test, fixture_disk(test, ""));
}

/* By queue_rq, where only the last one says that it is. */
static void once_for_a_batch_of_a_scheduler(struct kunit *test)
{
	expect_once(test, fixture_scheduled_disk(test));
}

static void none_that_is_not_wanted(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	io_prepare_reads(test, 0, 8);
	sim_hold(fix->sim);
	hooks.no_kick = true;
	io_submit(fix, 0, 4);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_NOTIFY));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.kicks_saved);
	hooks.no_kick = false;
	io_submit(fix, 4, 4);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 8);
}

/* Nothing is added, nothing is told. */
static void none_for_a_full_ring(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=32 -indirect_desc");

	io_prepare_reads(test, 0, 16);
	sim_hold(fix->sim);
	io_submit(fix, 0, 10);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_NOTIFY));
	io_submit(fix, 10, 6);
	KUNIT_EXPECT_EQ(test, 10, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_NOTIFY));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 16);
}

/* A has released the queue and not notified yet, when B comes. */
static void b_comes_between(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_UNLOCK))
		return;
	actor_start(&step.b, CPU_B, step.fix, 4, 4);
	step_until(step_b_is_done);
}

/*
 * Who has been told to notify does so, also for those who come before it does. On
 * PREEMPT_RT it may be preempted instead, and they do not wait for it.
 */
static void one_on_its_way_is_enough(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	int others = IS_ENABLED(CONFIG_PREEMPT_RT);

	io_prepare_reads(test, 0, 8);
	sim_hold(fix->sim);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = b_comes_between;
	actor_start(&step.a, CPU_A, fix, 0, 4);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "a submitter waits for a notification");

	KUNIT_EXPECT_EQ(test, 8, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 4, hook_count_in(HOOK_ADD, CPU_B, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 1 + others, hook_count(HOOK_NOTIFY));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_NOTIFY, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, others, hook_count_in(HOOK_NOTIFY, CPU_B, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.kicks);
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.kicks_saved);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 8);
}

static struct kunit_case notify_cases[] = {
	KUNIT_CASE(once_for_a_plug_list),
	KUNIT_CASE(once_for_a_batch_of_a_scheduler),
	KUNIT_CASE(none_that_is_not_wanted),
	KUNIT_CASE(none_for_a_full_ring),
	KUNIT_CASE(one_on_its_way_is_enough),
	{ }
};

struct kunit_suite virtblk_notify_suite = {
	.name = "virtblk_notify",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = notify_cases,
};
