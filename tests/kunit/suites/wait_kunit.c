// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue whose callback comes from a task, as on PREEMPT_RT, with threadirqs,
 * and from VDUSE: the lock is waited for, and what a callback may not do is for
 * a task, not for the softirq.
 */
#include "fixture.h"

static struct fixture *waiting_disk(struct kunit *test, const char *options)
{
	struct fixture *fix = fixture_disk(test, options);

	fix->q->waits = true;
	return fix;
}

static unsigned int waited(int cpu)
{
	unsigned int i, n = 0;

	for (i = 0; i < (unsigned int)min(atomic_read(&hooks.nr_events), HOOK_EVENTS); i++)
		n += hooks.events[i].hook == HOOK_LOCK && hooks.events[i].value &&
		     (cpu == HOOK_ANY || hooks.events[i].cpu == cpu);
	return n;
}

/* The device has finished a request, and nobody was told. */
static void finish_unnoticed(struct kunit *test, struct fixture *fix, unsigned int count)
{
	virtqueue_disable_cb(fix->q->vq);
	io_submit(fix, 0, count);
	sim_settle(fix->sim);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_GET_BUF));
}

/* The first callback that comes from a task says it, and is the first to wait. */
static void from_the_first_callback_on(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "-event_idx");

	KUNIT_EXPECT_EQ(test, IS_ENABLED(CONFIG_PREEMPT_RT), fix->q->waits);
	io_prepare_reads(test, 0, 1);
	finish_unnoticed(test, fix, 1);
	call_back_in_a_task(fix);
	KUNIT_EXPECT_TRUE(test, fix->q->waits);
	KUNIT_EXPECT_GE(test, waited(HOOK_ANY), 1);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_TRYLOCK_FAILED));

	/* It has reaped in place, and nobody was scheduled. */
	KUNIT_EXPECT_EQ(test, 2, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WORK));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	io_wait(test, 0, 1);
}

static bool b_wants_the_lock(void)
{
	return step.fix->q->staged.first;
}

/* A has the queue while B submits. */
static void hold_while_b_submits(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_KICK_PREPARE))
		return;
	actor_start(&step.b, CPU_B, step.fix, 1, 8);
	step_until(b_wants_the_lock);
}

/* Each adds its own, when it has the lock. */
static void submitters_wait(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "");

	io_prepare_reads(test, 0, 9);
	sim_hold(fix->sim);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_while_b_submits;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	actor_wait(test, &step.b);
	KUNIT_EXPECT_EQ(test, 0, step.state);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_TRYLOCK_FAILED));
	KUNIT_EXPECT_EQ(test, 1, waited(CPU_A));
	KUNIT_EXPECT_EQ(test, 1, waited(CPU_B));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_ADD, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 8, hook_count_in(HOOK_ADD, CPU_B, HOOK_TASK));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 9);
}

/* There is room now: who was called back may not use it, nor may the softirq. */
static void task_adds_the_backlog(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "queue_size=8 -indirect_desc -event_idx");
	const void *added[MAX_IOS];

	io_prepare_reads(test, 0, 4);
	finish_unnoticed(test, fix, 4);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ADD));
	call_back_in_a_task(fix);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 4, hook_list(HOOK_ADD, added, MAX_IOS));
	KUNIT_EXPECT_EQ(test, 4, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_TASK));
	KUNIT_EXPECT_GE(test, hook_count(HOOK_WORK), 1);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, hook_count(HOOK_NOTIFY),
			hook_count_in(HOOK_NOTIFY, HOOK_ANY, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 0, (int)fix->q->stats.deferred);
}

static atomic_t refusals;

static int refuse_some(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
		       unsigned int in)
{
	return atomic_dec_if_positive(&refusals) < 0 ? 0 : -ENOMEM;
}

/* So it is with an empty ring, when the timer expires. */
static void task_tries_again(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "");

	atomic_set(&refusals, 3);
	hooks.add = refuse_some;
	io_prepare_reads(test, 0, 1);
	io_submit(fix, 0, 1);
	io_wait(test, 0, 1);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 3, hook_count(HOOK_RETRY));
	KUNIT_EXPECT_EQ(test, 3, hook_count(HOOK_WORK));
	KUNIT_EXPECT_EQ(test, 4, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 0, (int)fix->q->stats.deferred);
}

/* Recovery's look has the softirq reap: no more than that. */
static void softirq_only_reaps(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "queue_size=8 -indirect_desc -event_idx");

	io_prepare_reads(test, 0, 4);
	finish_unnoticed(test, fix, 4);
	virtblk_look(fix->q);
	KUNIT_EXPECT_GE(test, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_SOFTIRQ), 3);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_SCHEDULE));
	io_wait(test, 0, 4);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_NOTIFY, HOOK_ANY, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 4, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_TASK));
}

/* A hard interrupt has missed the lock, and set its bit, just before that was so. */
static void reap_that_was_missed_before(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "-event_idx");

	io_prepare_reads(test, 0, 1);
	finish_unnoticed(test, fix, 1);
	atomic_or(VIRTBLK_REAP, &fix->q->state);
	virtblk_commit_rqs(fixture_hctx(fix));
	io_wait(test, 0, 1);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_LE(test, hook_count(HOOK_WORK), 1);
}

/* A hard interrupt says that nobody has to wait any longer. */
static void until_a_hard_interrupt(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = waiting_disk(test, "");
	fixture_interrupt(fix);
	KUNIT_EXPECT_FALSE(test, fix->q->waits);
	KUNIT_EXPECT_EQ(test, 0, waited(HOOK_ANY));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_HARDIRQ));
}

/* A closed queue is not run by the task either, nor by who calls back. */
static void closed_queue_is_not_run(struct kunit *test)
{
	struct fixture *fix = waiting_disk(test, "");
	enum hook hook;

	io_prepare_reads(test, 0, 1);
	virtblk_close_queue(fix->q);
	io_submit(fix, 0, 1);
	call_back_in_a_task(fix);
	schedule_work(&fix->q->work);
	flush_work(&fix->q->work);
	for (hook = 0; hook <= HOOK_NOTIFY; hook++)
		KUNIT_EXPECT_EQ_MSG(test, 0, hook_count(hook), "%s", hook_name(hook));
	KUNIT_EXPECT_EQ(test, 0, (int)fix->q->stats.acquisitions);

	spin_lock_irq(&fix->q->lock);
	fix->q->open = true;
	spin_unlock_irq(&fix->q->lock);
	schedule_work(&fix->q->work);
	io_wait(test, 0, 1);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(from_the_first_callback_on),
	KUNIT_CASE(submitters_wait),
	KUNIT_CASE(task_adds_the_backlog),
	KUNIT_CASE(task_tries_again),
	KUNIT_CASE(softirq_only_reaps),
	KUNIT_CASE(reap_that_was_missed_before),
	KUNIT_CASE(until_a_hard_interrupt),
	KUNIT_CASE(closed_queue_is_not_run),
	{ }
};

struct kunit_suite virtblk_wait_suite = {
	.name = "virtblk_wait",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = wait_cases,
};
