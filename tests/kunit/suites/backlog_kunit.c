// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cannot be done now: requests that wait for room, for memory, and work
 * that is handed over.
 */
#include <linux/delay.h>

#include "fixture.h"

/* Turns of an owner, and milliseconds to the next try: as in queue.c. */
#define MAX_TURNS	8
#define RETRY_MS	3

static atomic_t tries;
static int failures, failure;

static int fail_first(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
		      unsigned int in)
{
	return atomic_inc_return(&tries) <= failures ? failure : 0;
}

static void fail_adds(int count, int err)
{
	atomic_set(&tries, 0);
	failures = count;
	failure = err;
	hooks.add = fail_first;
}

static bool comes_to(enum hook hook, unsigned int count)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS && hook_count(hook) < count; ms += 20)
		msleep(20);
	return hook_count(hook) == count;
}

/* A full ring: a completion brings the next one in, and nothing else is needed. */
static void waits_for_room(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=64 -indirect_desc");

	io_prepare_reads(test, 0, 32);
	sim_hold(fix->sim);
	io_submit(fix, 0, 32);
	KUNIT_EXPECT_EQ(test, 21, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 21, fix->vq->in_ring);
	KUNIT_EXPECT_EQ(test, 11, fix->vq->backlog_len);
	KUNIT_EXPECT_EQ(test, 11, fix->vq->stats.max_backlog);
	sim_set_credit(fix->sim, 1);
	KUNIT_EXPECT_TRUE(test, comes_to(HOOK_ADD, 22));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 32);
	KUNIT_EXPECT_EQ(test, 32, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WORK));
	KUNIT_EXPECT_EQ(test, 0, fix->vq->backlog_len);
}

/* The whole chain has to fit, or the ring would notify under the lock. */
static void waits_for_room_for_all_of_it(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=8 -indirect_desc");

	io_prepare_reads(test, 0, 4);
	sim_hold(fix->sim);
	io_submit(fix, 0, 4);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 2, fix->vq->vq->num_free);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ADD));
}

/* Nothing is with the device, so no completion will come: tries are made by the clock. */
static void tries_again_with_an_empty_ring(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENOSPC, -EIO };
	struct fixture *fix = fixture_disk(test, "");
	unsigned int i, n, tried = 0;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		io_prepare_reads(test, i, 1);
		fail_adds(3, errors[i]);
		io_submit(fix, i, 1);
		io_wait(test, i, 1);
		KUNIT_EXPECT_EQ_MSG(test, 4, atomic_read(&tries), "%d", errors[i]);
	}
	KUNIT_EXPECT_EQ(test, 9, hook_count(HOOK_WORK));
	for (i = 0; i < HOOK_EVENTS; i++) {
		if (i >= (unsigned int)atomic_read(&hooks.nr_events))
			break;
		if (hooks.events[i].hook != HOOK_WORK)
			continue;
		n = hooks.events[i].value;
		KUNIT_EXPECT_EQ(test, (unsigned int)msecs_to_jiffies(RETRY_MS), n);
		tried++;
	}
	KUNIT_EXPECT_EQ(test, 9, tried);
}

/* As long as the device has a request, its completion is what to wait for. */
static void waits_for_memory(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	io_prepare_reads(test, 0, 2);
	sim_hold(fix->sim);
	io_submit(fix, 0, 1);
	fail_adds(1, -ENOMEM);
	io_submit(fix, 1, 1);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&tries));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WORK));
	KUNIT_EXPECT_EQ(test, 1, fix->vq->backlog_len);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 2);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&tries));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WORK));
}

/* No memory before the request is even staged: blk-mq asks again, nothing is kept. */
static void gives_back_what_cannot_be_prepared(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	io_prepare(test, 0, REQ_OP_DISCARD, 0, SZ_4K);
	io_prepare(test, 1, REQ_OP_READ, 64, 8 * SZ_2K);
	atomic_set(&hooks.no_memory, 1);
	io_submit(fix, 0, 1);
	io_wait(test, 0, 1);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ALLOC));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_START));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_FREE));

	atomic_set(&hooks.no_memory, 1);
	io_submit(fix, 1, 1);
	io_wait(test, 1, 1);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ALLOC));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_START));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_FREE));
}

static struct {
	struct fixture *fix;
	struct actor a;
	struct task_struct *owner;
	unsigned int turns;
	unsigned int reaps_before;
	unsigned int reaps_after;
	struct blk_mq_hw_ctx *hctx;
	bool submitted;
} long_turn;

/* There is always another who has left work, as long as the first owner has the queue. */
static void leave_word_each_time(enum hook hook, const void *what)
{
	if (hook != HOOK_UNLOCK || raw_smp_processor_id() != CPU_A)
		return;
	if (!long_turn.owner)
		long_turn.owner = current;
	if (current != long_turn.owner)
		return;
	long_turn.turns++;
	WRITE_ONCE(long_turn.fix->vq->again, 1);
}

static void hands_over_after_some_turns(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	memset(&long_turn, 0, sizeof(long_turn));
	long_turn.fix = fix;
	sim_hold(fix->sim);
	io_prepare_reads(test, 0, 1);
	hooks.at = leave_word_each_time;
	actor_start(&long_turn.a, CPU_A, fix, 0, 1);
	actor_wait(test, &long_turn.a);
	flush_delayed_work(&fix->vq->work);
	hooks.at = NULL;
	KUNIT_EXPECT_EQ(test, MAX_TURNS, long_turn.turns);
	KUNIT_EXPECT_EQ(test, MAX_TURNS + 1, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_WORK));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->vq->stats.handovers);
	KUNIT_EXPECT_EQ(test, 0, fix->vq->again);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 1);
}

static int remember_queue(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
			  unsigned int in)
{
	long_turn.hctx = blk_mq_rq_from_pdu(vbr)->mq_hctx;
	return 0;
}

/* An interrupt handler has asked for a reap, and could not have the lock. */
static void submit_at_the_end(struct io *io)
{
	struct fixture *fix = long_turn.fix;

	atomic_set(&hooks.no_lock, 2);
	virtblk_done(fix->vq->vq);
	long_turn.reaps_before = hook_count(HOOK_GET_BUF);
	virtblk_mq_ops.commit_rqs(long_turn.hctx);
	long_turn.reaps_after = hook_count(HOOK_GET_BUF);
	long_turn.submitted = true;
}

/* Who is ending requests and dispatches others does not reap: that could nest for ever. */
static void hands_over_a_reap(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	memset(&long_turn, 0, sizeof(long_turn));
	long_turn.fix = fix;
	hooks.add = remember_queue;
	io_prepare_reads(test, 0, 1);
	fix->ios[0].then = submit_at_the_end;
	actor_start(&long_turn.a, CPU_DEVICE, fix, 0, 1);
	actor_wait(test, &long_turn.a);
	io_wait(test, 0, 1);
	flush_delayed_work(&fix->vq->work);
	KUNIT_ASSERT_TRUE(test, long_turn.submitted);
	KUNIT_EXPECT_EQ(test, long_turn.reaps_before, long_turn.reaps_after);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_WORK));
	KUNIT_EXPECT_GT(test, hook_count(HOOK_GET_BUF), long_turn.reaps_after);
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_CB_ARMED, fix->vq->cb);
	KUNIT_EXPECT_EQ(test, 1, (int)fix->vq->stats.handovers);
}

static struct kunit_case backlog_cases[] = {
	KUNIT_CASE(waits_for_room),
	KUNIT_CASE(waits_for_room_for_all_of_it),
	KUNIT_CASE(tries_again_with_an_empty_ring),
	KUNIT_CASE(waits_for_memory),
	KUNIT_CASE(gives_back_what_cannot_be_prepared),
	KUNIT_CASE(hands_over_after_some_turns),
	KUNIT_CASE(hands_over_a_reap),
	{ }
};

struct kunit_suite virtblk_backlog_suite = {
	.name = "virtblk_backlog",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = backlog_cases,
};
