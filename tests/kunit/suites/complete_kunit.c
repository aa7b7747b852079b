// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion: exactly once, in batches, and no interrupt is missed.
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
	KUNIT_EXPECT_EQ(test, 7, hook_count(HOOK_TOW));
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
	KUNIT_EXPECT_EQ(test, 6, hook_count(HOOK_TOW));
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
	KUNIT_EXPECT_EQ(test, 3 * n, hook_count(HOOK_COMPLETE) + hook_count(HOOK_TOW));
	KUNIT_EXPECT_EQ(test, 3 * n, (unsigned int)fix->vq->stats.requests);
	KUNIT_EXPECT_EQ(test, 3 * n, (unsigned int)fix->vq->stats.completions);
	KUNIT_EXPECT_EQ(test, 0, fix->vq->in_ring);
	KUNIT_EXPECT_EQ(test, 0, fix->vq->backlog_len);
}

/* An interrupt does nothing but for who has the right to interrupts. */
static void interrupt_in_each_state(struct kunit *test)
{
	static const struct {
		const char *name;
		enum virtblk_cb before, after;
		unsigned int turns;
	} rows[] = {
		{ "armed", VIRTBLK_CB_ARMED, VIRTBLK_CB_ARMED, 1 },
		{ "held", VIRTBLK_CB_HELD, VIRTBLK_CB_RAISED, 0 },
		{ "raised", VIRTBLK_CB_RAISED, VIRTBLK_CB_RAISED, 0 },
		{ "wanted", VIRTBLK_CB_WANTED, VIRTBLK_CB_WANTED, 0 },
	};
	struct fixture *fix = fixture_disk(test, "");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int locks = hook_count(HOOK_LOCK), offs = hook_count(HOOK_DISABLE_CB);

		fix->vq->cb = rows[i].before;
		virtblk_done(fix->vq->vq);
		KUNIT_EXPECT_EQ_MSG(test, (int)rows[i].after, fix->vq->cb, "%s", rows[i].name);
		KUNIT_EXPECT_EQ_MSG(test, locks + rows[i].turns, hook_count(HOOK_LOCK), "%s",
				    rows[i].name);
		KUNIT_EXPECT_EQ_MSG(test, offs + rows[i].turns, hook_count(HOOK_DISABLE_CB), "%s",
				    rows[i].name);
	}
	fix->vq->cb = VIRTBLK_CB_ARMED;
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(rows), (size_t)fix->vq->stats.interrupts);
}

static struct fixture *interrupted;
static bool interrupt_came;

static void interrupt_once(enum hook hook, const void *what)
{
	if (hook != HOOK_ENABLE_CB || interrupt_came)
		return;
	interrupt_came = true;
	virtblk_done(interrupted->vq->vq);
}

/* One that comes after the ring was looked at, and before the owner says that it is armed. */
static void interrupt_before_armed(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	interrupted = fix;
	interrupt_came = false;
	hooks.at = interrupt_once;
	virtblk_done(fix->vq->vq);
	hooks.at = NULL;
	KUNIT_EXPECT_TRUE(test, interrupt_came);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_GET_BUF));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ENABLE_CB));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_DISABLE_CB));
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_CB_ARMED, fix->vq->cb);
}

static struct kunit_case complete_cases[] = {
	KUNIT_CASE(in_one_batch),
	KUNIT_CASE(in_two_batches_for_two_cpus),
	KUNIT_CASE(exactly_once),
	KUNIT_CASE(interrupt_in_each_state),
	KUNIT_CASE(interrupt_before_armed),
	{ }
};

struct kunit_suite virtblk_complete_suite = {
	.name = "virtblk_complete",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = complete_cases,
};
