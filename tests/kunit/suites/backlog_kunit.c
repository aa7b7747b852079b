// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cannot be done now: requests that wait for room, and for memory.
 */
#include "fixture.h"

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

/* A full ring: a completion brings the next one in, and nothing else is needed. */
static void waits_for_room(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=64 -indirect_desc");

	io_prepare_reads(test, 0, 32);
	sim_hold(fix->sim);
	io_submit(fix, 0, 32);
	KUNIT_EXPECT_EQ(test, 21, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 21, fix->q->in_ring);
	KUNIT_EXPECT_EQ(test, 11, backlog_len(fix));
	KUNIT_EXPECT_EQ(test, 11, fix->q->stats.max_backlog);
	sim_set_credit(fix->sim, 1);
	KUNIT_EXPECT_TRUE(test, comes_to(HOOK_ADD, 22));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 32);
	KUNIT_EXPECT_EQ(test, 32, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_RETRY));
	KUNIT_EXPECT_EQ(test, 0, backlog_len(fix));
}

/* While some wait, blk-mq keeps the others; they are not even prepared. */
static void leaves_the_rest_to_blk_mq(struct kunit *test)
{
	/* Eight tags, and room for five requests. */
	struct fixture *fix = fixture_disk(test, "queue_size=16 -indirect_desc");

	io_prepare_reads(test, 0, 8);
	sim_hold(fix->sim);
	io_submit(fix, 0, 7);
	KUNIT_EXPECT_EQ(test, 7, hook_count(HOOK_START));
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_FULL, atomic_read(&fix->q->state));
	io_submit(fix, 7, 1);
	KUNIT_EXPECT_EQ(test, 7, hook_count(HOOK_START));
	KUNIT_EXPECT_EQ(test, 5, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 2, backlog_len(fix));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 8);
	KUNIT_EXPECT_EQ(test, 8, hook_count(HOOK_ADD));
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
}

/* Nobody runs it, so nobody would take the bit back: a dead device's requests are to fail. */
static void closed_queue_is_not_full(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	atomic_or(VIRTBLK_FULL, &fix->q->state);
	virtblk_close_queue(fix->q);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	WRITE_ONCE(fix->q->open, true);
}

/* The whole chain has to fit, or the ring would notify under the lock. */
static void waits_for_room_for_all_of_it(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=8 -indirect_desc");

	io_prepare_reads(test, 0, 4);
	sim_hold(fix->sim);
	io_submit(fix, 0, 4);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 2, fix->q->vq->num_free);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ADD));
}

/* Nothing is with the device, so no completion will come: the timer has the softirq try. */
static void tries_again_with_an_empty_ring(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENOSPC, -EIO };
	struct fixture *fix = fixture_disk(test, "");
	long longest = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		io_prepare_reads(test, i, 1);
		fail_adds(3, errors[i]);
		io_submit(fix, i, 1);
		io_wait(test, i, 1);
		KUNIT_EXPECT_EQ_MSG(test, 4, atomic_read(&tries), "%d", errors[i]);
	}
	KUNIT_EXPECT_EQ(test, 9, hook_count(HOOK_RETRY));
	if (!fix->q->waits) {
		KUNIT_EXPECT_EQ(test, 3, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_TASK));
		KUNIT_EXPECT_EQ(test, 9, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_SOFTIRQ));
	}
	/* Some of the time may be over by when it is noted. */
	for (i = 0; i < (unsigned int)min(atomic_read(&hooks.nr_events), HOOK_EVENTS); i++)
		if (hooks.events[i].hook == HOOK_RETRY)
			longest = max(longest, hooks.events[i].value);
	KUNIT_EXPECT_EQ(test, (long)msecs_to_jiffies(VIRTBLK_RETRY_MS), longest);
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
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_RETRY));
	KUNIT_EXPECT_EQ(test, 1, backlog_len(fix));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 2);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&tries));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_RETRY));
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

#ifdef HAVE_RQ_LIST
static struct request *plug_pop(struct blk_plug *plug)
{
	return rq_list_pop(&plug->mq_list);
}

static void plug_add(struct blk_plug *plug, struct request *rq)
{
	rq_list_add_tail(&plug->mq_list, rq);
}
#else
static struct request *plug_pop(struct blk_plug *plug)
{
	struct request *rq = plug->mq_list;

	plug->mq_list = rq->rq_next;
	return rq;
}

static void plug_add(struct blk_plug *plug, struct request *rq)
{
	rq->rq_next = plug->mq_list;
	plug->mq_list = rq;
}
#endif

static struct request *late;

/* What an end_io submits while its CPU is in queue_rqs comes to the same list. */
static void submit_late(enum hook hook, const void *what)
{
	if (hook != HOOK_NOTIFY || !late)
		return;
	plug_add(current->plug, late);
	late = NULL;
}

/* Requests that queue_rqs cannot take, and one that comes when it is nearly through. */
static void keeps_what_joins_the_list(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	struct blk_plug plug;
	unsigned int i;

	io_prepare_reads(test, 0, 1);
	io_prepare(test, 1, REQ_OP_DISCARD, 1024, SZ_4K);
	io_prepare(test, 2, REQ_OP_READ, 2048, SECTOR_SIZE);
	io_prepare(test, 3, REQ_OP_READ, 4096, SECTOR_SIZE);
	atomic_set(&hooks.no_memory, 1);
	hooks.at = submit_late;
	blk_start_plug(&plug);
	for (i = 0; i < 4; i++) {
		fix->ios[i].submitted = true;
		submit_bio(fix->ios[i].bio);
	}
	late = plug_pop(&plug);
	blk_finish_plug(&plug);
	KUNIT_EXPECT_NULL(test, late);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_EQ(test, 4, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ALLOC));
}

static struct kunit_case backlog_cases[] = {
	KUNIT_CASE(waits_for_room),
	KUNIT_CASE(leaves_the_rest_to_blk_mq),
	KUNIT_CASE(closed_queue_is_not_full),
	KUNIT_CASE(waits_for_room_for_all_of_it),
	KUNIT_CASE(tries_again_with_an_empty_ring),
	KUNIT_CASE(waits_for_memory),
	KUNIT_CASE(gives_back_what_cannot_be_prepared),
	KUNIT_CASE(keeps_what_joins_the_list),
	{ }
};

struct kunit_suite virtblk_backlog_suite = {
	.name = "virtblk_backlog",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = backlog_cases,
};
