// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who runs the queue: whoever has the lock, also for those who have missed it;
 * the softirq for those who may not do the work, or who have done enough.
 */
#include "fixture.h"

/* What has been done in a context on a CPU, or has not. */
static unsigned int misses(int cpu, enum hook_context context)
{
	return hook_count_in(HOOK_TRYLOCK_FAILED, cpu, context);
}

/* ---- A submitter misses the lock ---- */

/* A has the queue until B has submitted. */
static void hold_until_b_is_done(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	actor_start(&step.b, CPU_B, step.fix, 1, 8);
	step_until(step_b_is_done);
}

static void holder_adds_what_was_missed(struct kunit *test)
{
	const void *added[MAX_IOS];
	struct fixture *fix;
	unsigned int i, n;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 9);
	sim_hold(fix->sim);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_until_b_is_done;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "a submitter waits for the holder of the lock");

	/* It has set the bit, has tried once more, and has left it at that. */
	KUNIT_EXPECT_EQ(test, 2, misses(CPU_B, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_ADD, step.state);
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_LOCK, CPU_B, HOOK_TASK));

	/* The holder has added what the other had staged, in one run more or in its own. */
	n = hook_list(HOOK_ADD, added, MAX_IOS);
	KUNIT_ASSERT_EQ(test, 9, n);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_PTR_EQ(test, step.task, hook_find(HOOK_ADD, added[i])->task);
	KUNIT_EXPECT_EQ(test, 9, hook_count_in(HOOK_ADD, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.missed);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 9);
}

static void submit_two_lists(struct actor *actor)
{
	io_submit(actor->fix, actor->first, actor->count / 2);
	io_submit(actor->fix, actor->first + actor->count / 2, actor->count / 2);
}

/* The bit says that the holder will look: the second list is not worth a second try. */
static void no_second_try_if_the_bit_was_set(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 9);
	step_init(fix, CPU_A, HOOK_TASK);
	step.b.fn = submit_two_lists;
	hooks.at = hold_until_b_is_done;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_EQ(test, 3, misses(CPU_B, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 9, hook_count(HOOK_ADD));
	io_wait(test, 0, 9);
}

/* A has the queue when all is staged, and adds it; B comes when A is about to look. */
static void hold_until_b_waits(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_KICK_PREPARE))
		return;
	actor_start(&step.b, CPU_B, step.fix, 1, 8);
	step_until(step_b_is_done);
}

/* What is staged after the holder has taken all is for another run of the holder. */
static void holder_runs_once_more(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 9);
	sim_hold(fix->sim);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_until_b_waits;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_EQ(test, 9, hook_count_in(HOOK_ADD, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.missed);
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 9);
}

static bool a_is_gone(void)
{
	return completion_done(&step.a.done);
}

static bool b_has_missed(void)
{
	return misses(CPU_B, HOOK_TASK);
}

/* B misses the lock while A has it, and sets the bit only after A has looked for it. */
static void bit_comes_late(enum hook hook, const void *what)
{
	if (hook == HOOK_LOCK && raw_smp_processor_id() == CPU_A && !step.fired) {
		actor_start(&step.b, CPU_B, step.fix, 1, 1);
		wait_until(b_has_missed);
	}
	if (step_now(hook, HOOK_TRYLOCK_FAILED))
		step_until(a_is_gone);
}

static void who_sets_the_bit_too_late_runs(struct kunit *test)
{
	const void *added[2];
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 2);
	sim_hold(fix->sim);
	step_init(fix, CPU_B, HOOK_TASK);
	hooks.at = bit_comes_late;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	actor_wait(test, &step.b);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_LOCK, CPU_B, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 2, hook_list(HOOK_ADD, added, 2));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	hooks.at = NULL;
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 2);
}

/* There is always another who has missed the lock, as long as one context has it. */
static unsigned int turns, max_turns;

static void miss_each_time(enum hook hook, const void *what)
{
	if (hook != HOOK_UNLOCK || hook_context() != step.context)
		return;
	if (turns++ < max_turns)
		atomic_or(VIRTBLK_ADD, &step.fix->q->state);
}

static void softirq_goes_on_after_max_restarts(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	sim_hold(fix->sim);
	io_prepare_reads(test, 0, 1);
	step_init(fix, CPU_A, HOOK_TASK);
	turns = 0;
	max_turns = 2 * VIRTBLK_MAX_RESTARTS;
	hooks.at = miss_each_time;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	hooks.at = NULL;
	KUNIT_EXPECT_EQ(test, 1 + VIRTBLK_MAX_RESTARTS, turns);
	KUNIT_EXPECT_EQ(test, 1 + VIRTBLK_MAX_RESTARTS,
			hook_count_in(HOOK_LOCK, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_LOCK, HOOK_ANY, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.deferred);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 1);
}

/* So does the softirq itself, as another softirq: others want the CPU as well. */
static void softirq_gives_way(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	step_init(fix, CPU_A, HOOK_SOFTIRQ);
	step.a.fn = actor_look;
	turns = 0;
	max_turns = 3 * (1 + VIRTBLK_MAX_RESTARTS);
	hooks.at = miss_each_time;
	actor_start(&step.a, CPU_A, fix, 0, 0);
	actor_wait(test, &step.a);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	hooks.at = NULL;
	KUNIT_EXPECT_EQ(test, max_turns + 1, turns);
	KUNIT_EXPECT_EQ(test, 2, (int)fix->q->stats.deferred);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_SCHEDULE));
}

/* ---- An interrupt handler misses the lock ---- */

static bool interrupt_has_missed(void)
{
	return misses(CPU_DEVICE, HOOK_HARDIRQ) == 2;
}

/* A submitter has the queue while the device finishes a request, and interrupts. */
static void hold_until_interrupted(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	sim_set_credit(step.fix->sim, 1);
	step_until(interrupt_has_missed);
}

static void softirq_reaps_what_an_interrupt_missed(struct kunit *test)
{
	const void *added[2];
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 2);
	sim_hold(fix->sim);
	io_submit(fix, 0, 1);

	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_until_interrupted;
	actor_start(&step.a, CPU_A, fix, 1, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "the interrupt handler waits for the lock");
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_REAP, step.state);
	io_wait(test, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->ios[1].ended));

	/* The submitter, who never reaps, has left it to the softirq: interrupts are on again. */
	KUNIT_ASSERT_EQ(test, 2, hook_list(HOOK_ADD, added, 2));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_SCHEDULE, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, (int)HOOK_SOFTIRQ, (int)hook_find(HOOK_GET_BUF, added[0])->context);
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_GET_BUF, HOOK_ANY, HOOK_HARDIRQ));
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_LOCK, HOOK_ANY, HOOK_HARDIRQ));
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	hooks.at = NULL;
	sim_set_credit(fix->sim, -1);
	io_wait(test, 1, 1);
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_LOCK, HOOK_ANY, HOOK_HARDIRQ));
}

/* The softirq has found nothing and wants interrupts; one comes before it has unlocked. */
static void interrupt_after_enable_cb(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_ENABLE_CB))
		return;
	sim_set_credit(step.fix->sim, 1);
	step_until(interrupt_has_missed);
}

static void interrupt_before_the_unlock(struct kunit *test)
{
	const void *added[1];
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 1);
	sim_hold(fix->sim);
	io_submit(fix, 0, 1);

	step_init(fix, CPU_A, HOOK_SOFTIRQ);
	step.a.fn = actor_look;
	hooks.at = interrupt_after_enable_cb;
	actor_start(&step.a, CPU_A, fix, 0, 0);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_TRUE(test, step.state & VIRTBLK_REAP);
	io_wait(test, 0, 1);
	KUNIT_ASSERT_EQ(test, 1, hook_list(HOOK_ADD, added, 1));
	KUNIT_EXPECT_EQ(test, (int)HOOK_SOFTIRQ, (int)hook_find(HOOK_GET_BUF, added[0])->context);
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_ENABLE_CB));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.deferred);
}

/* What a handler finds: the lock is free, whatever others have left. */
static void interrupt_in_each_state(struct kunit *test)
{
	static const struct {
		const char *name;
		int before, after;
		unsigned int softirqs;
	} rows[] = {
		{ "still", 0, 0, 0 },
		{ "reap", VIRTBLK_REAP, 0, 0 },
		{ "add", VIRTBLK_ADD, 0, 1 },
		{ "both", VIRTBLK_WORK, 0, 1 },
		/* As if it were: nobody else comes. */
		{ "scheduled", VIRTBLK_SCHED, VIRTBLK_SCHED, 0 },
		{ "scheduled to add", VIRTBLK_SCHED | VIRTBLK_ADD, VIRTBLK_SCHED | VIRTBLK_ADD, 0 },
	};
	struct fixture *fix;
	unsigned int i;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int locks = hook_count_in(HOOK_LOCK, HOOK_ANY, HOOK_HARDIRQ);
		unsigned int softirqs = fix->q->stats.deferred;

		atomic_set(&fix->q->state, rows[i].before);
		fixture_interrupt(fix);
		if (!rows[i].after)
			KUNIT_EXPECT_TRUE_MSG(test, wait_until_still(fix), "%s", rows[i].name);
		KUNIT_EXPECT_EQ_MSG(test, rows[i].after, atomic_read(&fix->q->state), "%s",
				    rows[i].name);
		KUNIT_EXPECT_EQ_MSG(test, locks + 1,
				    hook_count_in(HOOK_LOCK, HOOK_ANY, HOOK_HARDIRQ), "%s",
				    rows[i].name);
		KUNIT_EXPECT_EQ_MSG(test, softirqs + rows[i].softirqs,
				    (unsigned int)fix->q->stats.deferred, "%s", rows[i].name);
	}
	atomic_set(&fix->q->state, 0);
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(rows), (size_t)fix->q->stats.interrupts);
}

/* A handler may not add what now has room, let alone notify: the softirq does both. */
static void interrupt_leaves_the_backlog(struct kunit *test)
{
	const void *added[MAX_IOS];
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "queue_size=8 -indirect_desc");
	io_prepare_reads(test, 0, 4);
	sim_hold(fix->sim);
	io_submit(fix, 0, 4);
	KUNIT_ASSERT_EQ(test, 2, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_NOTIFY));
	/* It wants to be notified of more. */
	sim_settle(fix->sim);
	sim_set_credit(fix->sim, 1);
	KUNIT_EXPECT_TRUE(test, comes_to(HOOK_END_IO, 1));
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));

	KUNIT_ASSERT_EQ(test, 3, hook_list(HOOK_ADD, added, MAX_IOS));
	KUNIT_EXPECT_EQ(test, (int)HOOK_SOFTIRQ, (int)hook_find(HOOK_ADD, added[2])->context);
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_NOTIFY, HOOK_ANY, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_NOTIFY));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.deferred);
	KUNIT_EXPECT_EQ(test, 1, backlog_len(fix));
	KUNIT_EXPECT_EQ(test, (int)HOOK_HARDIRQ, (int)hook_find(HOOK_GET_BUF, added[0])->context);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_EQ(test, 0, hook_count_in(HOOK_ADD, HOOK_ANY, HOOK_HARDIRQ));
}

/* ---- The softirq ---- */

static bool softirq_has_missed(void)
{
	return misses(CPU_B, HOOK_SOFTIRQ) == 2;
}

static void hold_until_softirq_missed(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	step.b.fn = actor_look;
	actor_start(&step.b, CPU_B, step.fix, 0, 0);
	step_until(softirq_has_missed);
}

/* It has left its bits, and is not scheduled any more: the holder schedules it again. */
static void holder_schedules_a_softirq_that_missed(struct kunit *test)
{
	struct fixture *fix;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	io_prepare_reads(test, 0, 1);
	sim_hold(fix->sim);
	step_init(fix, CPU_A, HOOK_TASK);
	hooks.at = hold_until_softirq_missed;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "the softirq waits for the lock");
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_REAP, step.state);
	KUNIT_EXPECT_TRUE(test, wait_until_still(fix));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_SCHEDULE, CPU_A, HOOK_TASK));
	KUNIT_EXPECT_EQ(test, 1, hook_count_in(HOOK_GET_BUF, CPU_A, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_GET_BUF));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_TRYLOCK_FAILED));
	KUNIT_EXPECT_EQ(test, 2, (int)fix->q->stats.deferred);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 1);
}

static enum hook when;

static bool reap_is_set(void)
{
	return atomic_read(&step.fix->q->state) & VIRTBLK_REAP;
}

/* B has something to reap while A's softirq is busy. */
static void look_meanwhile(enum hook hook, const void *what)
{
	if (!step_now(hook, when))
		return;
	step.b.fn = actor_look;
	actor_start(&step.b, CPU_B, step.fix, 0, 0);
	step_until(reap_is_set);
}

static void expect_one_softirq(struct kunit *test, enum hook hook)
{
	struct fixture *fix = fixture_disk(test, "");

	when = hook;
	step_init(fix, CPU_A, HOOK_SOFTIRQ);
	step.a.fn = actor_look;
	hooks.at = look_meanwhile;
	actor_start(&step.a, CPU_A, fix, 0, 0);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_EQ(test, (int)(VIRTBLK_REAP | VIRTBLK_SCHED), step.state);
	actor_wait(test, &step.b);
	hooks.at = NULL;

	/* One softirq for both, which has looked twice. */
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->q->state));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_SCHEDULE));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.deferred);
	KUNIT_EXPECT_EQ(test, 2, hook_count_in(HOOK_GET_BUF, CPU_A, HOOK_SOFTIRQ));
	KUNIT_EXPECT_EQ(test, 2, hook_count(HOOK_LOCK));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_TRYLOCK_FAILED));
}

/* The lock's holder does not miss its own bits. */
static void softirq_on_one_cpu_at_a_time(struct kunit *test)
{
	expect_one_softirq(test, HOOK_GET_BUF);
}

/* It has looked at the state already, and still says that it is scheduled. */
static void softirq_looks_once_more_at_its_end(struct kunit *test)
{
	expect_one_softirq(test, HOOK_IS_BROKEN);
}

/* ---- A closed queue ---- */

static void expect_not_run(struct kunit *test, struct fixture *fix, const char *who)
{
	enum hook hook;

	for (hook = 0; hook <= HOOK_NOTIFY; hook++)
		KUNIT_EXPECT_EQ_MSG(test, 0, hook_count(hook), "%s: %s", who, hook_name(hook));
	KUNIT_EXPECT_EQ_MSG(test, 0, (int)fix->q->stats.acquisitions, "%s", who);
}

static void open_again(struct virtblk_queue *q)
{
	spin_lock_irq(&q->lock);
	q->open = true;
	spin_unlock_irq(&q->lock);
}

static void closed_queue_is_not_run(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	io_prepare_reads(test, 0, 1);
	virtblk_close_queue(fix->q);
	io_submit(fix, 0, 1);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_LOCK));
	expect_not_run(test, fix, "submitter");

	fixture_interrupt(fix);
	expect_not_run(test, fix, "interrupt handler");

	/* A softirq that was scheduled before. */
	atomic_or(VIRTBLK_SCHED | VIRTBLK_WORK, &fix->q->state);
	tasklet_schedule(&fix->q->softirq);
	tasklet_kill(&fix->q->softirq);
	KUNIT_EXPECT_EQ(test, 1, (int)fix->q->stats.deferred);
	expect_not_run(test, fix, "softirq");

	/* Nothing is lost of what was staged. */
	atomic_set(&fix->q->state, 0);
	open_again(fix->q);
	virtblk_commit_rqs(fixture_hctx(fix));
	io_wait(test, 0, 1);
}

static void closed_poll_queue_is_not_run(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");

	fix->q = &fix->vblk->queues[1];
	virtblk_close_queue(fix->q);
	KUNIT_EXPECT_EQ(test, 0, hook_poll(fixture_hctx(fix), NULL));
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_LOCK));
	expect_not_run(test, fix, "poller");
	open_again(fix->q);
}

static struct kunit_case run_cases[] = {
	KUNIT_CASE(holder_adds_what_was_missed),
	KUNIT_CASE(no_second_try_if_the_bit_was_set),
	KUNIT_CASE(holder_runs_once_more),
	KUNIT_CASE(who_sets_the_bit_too_late_runs),
	KUNIT_CASE(softirq_goes_on_after_max_restarts),
	KUNIT_CASE(softirq_gives_way),
	KUNIT_CASE(softirq_reaps_what_an_interrupt_missed),
	KUNIT_CASE(interrupt_before_the_unlock),
	KUNIT_CASE(interrupt_in_each_state),
	KUNIT_CASE(interrupt_leaves_the_backlog),
	KUNIT_CASE(holder_schedules_a_softirq_that_missed),
	KUNIT_CASE(softirq_on_one_cpu_at_a_time),
	KUNIT_CASE(softirq_looks_once_more_at_its_end),
	KUNIT_CASE(closed_queue_is_not_run),
	KUNIT_CASE(closed_poll_queue_is_not_run),
	{ }
};

struct kunit_suite virtblk_run_suite = {
	.name = "virtblk_run",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = run_cases,
};
