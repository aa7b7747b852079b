// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poll queues: who polls reaps, and nobody else does.
 */
#include <linux/bio.h>

#include "fixture.h"

static struct fixture *poll_disk(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	fix->q = &fix->vblk->queues[1];
	KUNIT_ASSERT_TRUE(test, fix->q->polled);
	io_prepare(test, 0, REQ_OP_READ | REQ_POLLED, 64, SECTOR_SIZE);
	return fix;
}

/*
 * How many requests the driver says it has found. Not what bio_poll() returns: on older
 * kernels that is 1 whenever the task is running.
 */
static int poll_until_ended(struct fixture *fix, struct io *io)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);
	struct blk_mq_hw_ctx *hctx = fixture_hctx(fix);
	int found = 0;

	while (!completion_done(&io->done) && time_before(jiffies, end)) {
		found += hook_poll(hctx, NULL);
		cond_resched();
	}
	return found;
}

static void poller_reaps(struct kunit *test)
{
	struct fixture *fix = poll_disk(test);
	int i;

	io_submit(fix, 0, 1);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_GET_BUF));
	KUNIT_EXPECT_EQ(test, 1, poll_until_ended(fix, &fix->ios[0]));
	io_wait(test, 0, 1);
	for (i = 0; i < min(atomic_read(&hooks.nr_events), HOOK_EVENTS); i++)
		if (hooks.events[i].hook == HOOK_GET_BUF)
			KUNIT_EXPECT_PTR_EQ(test, current, hooks.events[i].task);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_ENABLE_CB));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_DISABLE_CB));
	KUNIT_EXPECT_EQ(test, 0, (int)fix->q->stats.interrupts);
}

/* Another has the queue: a poller comes back by itself, so it tries once and sets no bit. */
static void poller_does_not_wait(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = poll_disk(test);
	sim_hold(fix->sim);
	io_submit(fix, 0, 1);
	atomic_set(&hooks.no_lock, 1);
	bio_poll(fix->ios[0].bio, NULL, BLK_POLL_ONESHOT);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_TRYLOCK_FAILED));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	sim_set_credit(fix->sim, -1);
	KUNIT_EXPECT_EQ(test, 1, poll_until_ended(fix, &fix->ios[0]));
	io_wait(test, 0, 1);
}

static void poll_once(struct actor *actor)
{
	hook_poll(fixture_hctx(actor->fix), NULL);
}

/* A polls, and has the queue until B has submitted. */
static void hold_until_b_is_done(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_KICK_PREPARE))
		return;
	actor_start(&step.b, CPU_B, step.fix, 1, 1);
	step_until(step_b_is_done);
}

static void poller_adds_what_was_missed(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = poll_disk(test);
	io_prepare(test, 1, REQ_OP_READ | REQ_POLLED, 128, SECTOR_SIZE);
	/* One that has something to do for others already, when B comes as well. */
	atomic_set(&hooks.no_lock, 2);
	io_submit(fix, 0, 1);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_TRYLOCK_FAILED));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_ADD));
	step_init(fix, CPU_A, HOOK_TASK);
	step.a.fn = poll_once;
	hooks.at = hold_until_b_is_done;
	actor_start(&step.a, CPU_A, fix, 0, 0);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "a submitter waits for a poller");
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_ADD, step.state);
	KUNIT_EXPECT_EQ(test, 2, hook_count_in(HOOK_ADD, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	poll_until_ended(fix, &fix->ios[0]);
	poll_until_ended(fix, &fix->ios[1]);
	io_wait(test, 0, 2);
}

static atomic_t refusals;

static int refuse_once(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
		       unsigned int in)
{
	return atomic_dec_if_positive(&refusals) < 0 ? 0 : -ENOMEM;
}

/* It adds, for which it may have to be scheduled; what is finished is for who polls. */
static void softirq_does_not_reap(struct kunit *test)
{
	struct fixture *fix = poll_disk(test);

	atomic_set(&refusals, 1);
	hooks.add = refuse_once;
	io_submit(fix, 0, 1);
	KUNIT_EXPECT_TRUE(test, comes_to(HOOK_NOTIFY, 1));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_RETRY));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	if (!fix->q->waits)
		KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_SOFTIRQ));
	sim_settle(fix->sim);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_GET_BUF));
	KUNIT_EXPECT_EQ(test, 1, poll_until_ended(fix, &fix->ios[0]));
	io_wait(test, 0, 1);
	KUNIT_EXPECT_EQ(test, hook_count(HOOK_GET_BUF),
			hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_TASK));
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE(poller_reaps),
	KUNIT_CASE(poller_does_not_wait),
	KUNIT_CASE(poller_adds_what_was_missed),
	KUNIT_CASE(softirq_does_not_reap),
	{ }
};

struct kunit_suite virtblk_poll_suite = {
	.name = "virtblk_poll",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = poll_cases,
};
