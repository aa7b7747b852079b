// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poll queues: who polls reaps, and nobody else does.
 */
#include <linux/bio.h>

#include "fixture.h"

static struct fixture *poll_disk(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	fix->vq = &fix->vblk->queues[1];
	KUNIT_ASSERT_TRUE(test, fix->vq->polled);
	io_prepare(test, 0, REQ_OP_READ | REQ_POLLED, 64, SECTOR_SIZE);
	return fix;
}

static struct blk_mq_hw_ctx *polled_hctx(struct fixture *fix)
{
	struct blk_mq_hw_ctx *hctx;
	unsigned long i;

	queue_for_each_hw_ctx(fix->vblk->disk->queue, hctx, i)
		if (hctx->driver_data == fix->vq)
			return hctx;
	return NULL;
}

/*
 * How many requests the driver says it has found. Not what bio_poll() returns: on older
 * kernels that is 1 whenever the task is running.
 */
static int poll_until_ended(struct fixture *fix, struct io *io)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);
	struct blk_mq_hw_ctx *hctx = polled_hctx(fix);
	int found = 0;

	while (!completion_done(&io->done) && time_before(jiffies, end)) {
		found += virtblk_mq_ops.poll(hctx, NULL);
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
	KUNIT_EXPECT_EQ(test, 0, (int)fix->vq->stats.interrupts);
}

/* Another has the queue: a poller comes back of itself, so it neither waits nor leaves word. */
static void poller_does_not_wait(struct kunit *test)
{
	struct fixture *fix = poll_disk(test);

	sim_hold(fix->sim);
	io_submit(fix, 0, 1);
	atomic_set(&hooks.no_lock, 1);
	bio_poll(fix->ios[0].bio, NULL, BLK_POLL_ONESHOT);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_BUSY));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 0, fix->vq->again);
	sim_set_credit(fix->sim, -1);
	KUNIT_EXPECT_EQ(test, 1, poll_until_ended(fix, &fix->ios[0]));
	io_wait(test, 0, 1);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE(poller_reaps),
	KUNIT_CASE(poller_does_not_wait),
	{ }
};

struct kunit_suite virtblk_poll_suite = {
	.name = "virtblk_poll",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = poll_cases,
};
