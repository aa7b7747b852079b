// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion: exactly once, in batches, and without an interrupt if need be.
 */
#include "fixture.h"

static unsigned int all_ended(void)
{
	return hook_count(HOOK_BATCH) + hook_count(HOOK_END);
}

/* Requests that one CPU has submitted one after the other, back at the same time. */
static void in_one_batch(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	struct actor *a = &fix->actors[0];

	io_prepare_reads(test, 0, 8);
	sim_hold(fix->sim);
	actor_start(a, CPU_A, fix, 0, 8);
	actor_wait(test, a);
	KUNIT_ASSERT_EQ(test, 1, hook_count(HOOK_LOCK));
	sim_set_credit(fix->sim, 8);
	io_wait(test, 0, 8);

	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 9, hook_count(HOOK_GET_BUF));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_COMPLETE));
	KUNIT_EXPECT_EQ(test, 7, hook_count(HOOK_CHAINED));
#ifdef HAVE_QUEUE_LIMITS_FEATURES
	KUNIT_EXPECT_EQ(test, 8, hook_count(HOOK_BATCH));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_END));
#else
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_BATCH));
	KUNIT_EXPECT_EQ(test, 8, hook_count(HOOK_END));
#endif
}

/* Those of two CPUs go two ways. */
static void in_two_batches_for_two_cpus(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	struct actor *a = &fix->actors[0], *b = &fix->actors[1];

	io_prepare_reads(test, 0, 8);
	sim_hold(fix->sim);
	actor_start(a, CPU_A, fix, 0, 5);
	actor_wait(test, a);
	actor_start(b, CPU_B, fix, 5, 3);
	actor_wait(test, b);
	sim_set_credit(fix->sim, 8);
	io_wait(test, 0, 8);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_COMPLETE));
	KUNIT_EXPECT_EQ(test, 6, hook_count(HOOK_CHAINED));
	KUNIT_EXPECT_EQ(test, 8, all_ended());
}

static atomic_t adds;

static int fail_sometimes(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
			  unsigned int in)
{
	static const int errors[] = { -ENOMEM, -EIO, -EINVAL };
	int n = atomic_inc_return(&adds);

	return n % 7 ? 0 : errors[n / 7 % ARRAY_SIZE(errors)];
}

/* fixture_exit() counts how often each of them has ended. */
static void exactly_once(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=16");
	unsigned int i, n = MAX_IOS / 3;

	fix->sim->order = SIM_RANDOM;
	fix->sim->latency_us = 50;
	atomic_set(&fix->sim->faults[SIM_SPURIOUS_IRQ], -1);
	atomic_set(&adds, 0);
	hooks.add = fail_sometimes;
	io_prepare_reads(test, 0, 3 * n);
	for (i = 0; i < 3; i++)
		actor_start(&fix->actors[i], CPU_A + i, fix, i * n, n);
	for (i = 0; i < 3; i++)
		actor_wait(test, &fix->actors[i]);
	io_wait(test, 0, 3 * n);
	atomic_set(&fix->sim->faults[SIM_SPURIOUS_IRQ], 0);

	KUNIT_EXPECT_EQ(test, 3 * n, hook_count(HOOK_START));
	KUNIT_EXPECT_EQ(test, 3 * n, all_ended());
	KUNIT_EXPECT_EQ(test, 3 * n, hook_count(HOOK_COMPLETE) + hook_count(HOOK_CHAINED));
	KUNIT_EXPECT_EQ(test, 3 * n, (unsigned int)fix->q->stats.requests);
	KUNIT_EXPECT_EQ(test, 3 * n, (unsigned int)fix->q->stats.completions);
	KUNIT_EXPECT_EQ(test, 0, fix->q->in_ring);
	KUNIT_EXPECT_EQ(test, 0, backlog_len(fix));
}

/* The device has finished requests, and no interrupt tells: who looks finds them. */
static void by_a_look(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "-event_idx");

	io_prepare_reads(test, 0, 4);
	virtqueue_disable_cb(fix->q->vq);
	io_submit(fix, 0, 4);
	sim_settle(fix->sim);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_GET_BUF));

	virtblk_look(fix->q);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	KUNIT_EXPECT_EQ(test, 4, (int)fix->q->stats.completions);
	KUNIT_EXPECT_EQ(test, 0, fix->q->in_ring);
	KUNIT_EXPECT_EQ(test, 5, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 0, (int)fix->q->stats.interrupts);
	io_wait(test, 0, 4);

	/* Interrupts are on again. */
	io_prepare_reads(test, 4, 1);
	io_submit(fix, 4, 1);
	io_wait(test, 4, 1);
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.interrupts);
}

static struct kunit_case complete_cases[] = {
	KUNIT_CASE(in_one_batch),
	KUNIT_CASE(in_two_batches_for_two_cpus),
	KUNIT_CASE(exactly_once),
	KUNIT_CASE(by_a_look),
	{ }
};

struct kunit_suite virtblk_complete_suite = {
	.name = "virtblk_complete",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = complete_cases,
};
