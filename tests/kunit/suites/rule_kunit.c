// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of hooks.c, against which fixture_exit() holds every test of all
 * suites: that they are watched, and what they are broken by most easily.
 */
#include "fixture.h"

#define LOCKED	(BIT(HOOK_ADD) | BIT(HOOK_GET_BUF) | BIT(HOOK_KICK_PREPARE) | \
		 BIT(HOOK_ENABLE_CB) | BIT(HOOK_DISABLE_CB))
#define FREE	((BIT(HOOK_LOCK) - 1) & ~LOCKED)
#define CALLERS	(BIT(HOOK_ADD) | BIT(HOOK_NOTIFY))
#define ENDS	(BIT(HOOK_END) | BIT(HOOK_BATCH) | BIT(HOOK_END_IO))

enum place {
	TASK, TASK_LOCKED, SOFTIRQ, SOFTIRQ_LOCKED, HARDIRQ, HARDIRQ_LOCKED, CALLBACK,
	CALLBACK_LOCKED, POLLER,
	NR_PLACES,
};

/* Where each call may be made. */
static const struct {
	const char *name;
	unsigned long allowed;
} places[NR_PLACES] = {
	[TASK]		 = { "a task", FREE & ~ENDS },
	[TASK_LOCKED]	 = { "a task with the lock", LOCKED },
	[SOFTIRQ]	 = { "a softirq", FREE },
	[SOFTIRQ_LOCKED] = { "a softirq with the lock", LOCKED },
	[HARDIRQ]	 = { "a hard interrupt", FREE & ~CALLERS },
	[HARDIRQ_LOCKED] = { "a hard interrupt with the lock", LOCKED & ~CALLERS },
	[CALLBACK]	 = { "a callback in a task", FREE & ~CALLERS },
	[CALLBACK_LOCKED] = { "a callback in a task with the lock", LOCKED & ~CALLERS },
	[POLLER]	 = { "a poller", FREE },
};

/* One place, and the calls that are made there. */
static struct {
	struct fixture *fix;
	enum place place;
	unsigned long noticed;
	unsigned int misses_noticed;
	struct irq_work irq;
	struct tasklet_struct softirq;
	struct completion done;
} watch;

/* Every call, each for itself. */
static void watch_calls(void)
{
	int hook, before;

	for (hook = 0; hook < HOOK_LOCK; hook++) {
		before = atomic_read(&hooks.violations);
		hook_note(hook, NULL, 0);
		if (atomic_read(&hooks.violations) != before)
			watch.noticed |= BIT(hook);
	}
}

static void watch_calls_locked(void)
{
	spinlock_t *lock = &watch.fix->q->lock;
	unsigned long flags;

	if (watch.fix->q->waits) {
		flags = hook_lock_irqsave(lock);
	} else {
		if (WARN_ON(!hook_trylock_irqsave(lock, &flags)))
			return;
		__acquire(lock);
	}
	watch_calls();
	__release(lock);
	hook_unlock_irqrestore(lock, flags);
}

static void watch_misses(void)
{
	unsigned long flags;
	int i, before;

	atomic_set(&hooks.no_lock, 3);
	for (i = 0; i < 3; i++) {
		before = atomic_read(&hooks.violations);
		if (hook_trylock_irqsave(&watch.fix->q->lock, &flags))
			hook_unlock_irqrestore(&watch.fix->q->lock, flags);
		watch.misses_noticed += atomic_read(&hooks.violations) != before;
	}
}

static void watch_here(void)
{
	if (watch.place == TASK_LOCKED || watch.place == SOFTIRQ_LOCKED ||
	    watch.place == HARDIRQ_LOCKED)
		watch_calls_locked();
	else
		watch_calls();
}

static void watch_irq(struct irq_work *work)
{
	watch_here();
}

static void watch_softirq(struct tasklet_struct *softirq)
{
	watch_here();
	complete(&watch.done);
}

/* Callbacks and pollers take the lock, and release it. */
static void watch_from_within(enum hook hook, const void *what)
{
	if (hook != (watch.place == CALLBACK_LOCKED ? HOOK_LOCK : HOOK_UNLOCK))
		return;
	hooks.at = NULL;
	watch_calls();
	if (watch.place == CALLBACK)
		watch_misses();
}

static void watch_place(struct fixture *fix, enum place place)
{
	watch.place = place;
	watch.noticed = 0;
	watch.misses_noticed = 0;
	switch (place) {
	case TASK:
	case TASK_LOCKED:
		local_bh_disable();
		watch_here();
		local_bh_enable();
		return;
	case SOFTIRQ:
	case SOFTIRQ_LOCKED:
		init_completion(&watch.done);
		tasklet_setup(&watch.softirq, watch_softirq);
		tasklet_schedule(&watch.softirq);
		wait_for_completion(&watch.done);
		return;
	case HARDIRQ:
	case HARDIRQ_LOCKED:
		watch.irq = IRQ_WORK_INIT_HARD(watch_irq);
		irq_work_queue(&watch.irq);
		irq_work_sync(&watch.irq);
		return;
	case CALLBACK:
	case CALLBACK_LOCKED:
		hooks.at = watch_from_within;
		call_back_in_a_task(fix);
		return;
	default:
		hooks.at = watch_from_within;
		fix->q = &fix->vblk->queues[1];
		hook_poll(fixture_hctx(fix), NULL);
		fix->q = &fix->vblk->queues[0];
	}
}

/* The hooks do notice: every kind of call, in the wrong place. */
static void rule_is_watched(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	int place, hook;

	watch.fix = fix;
	for (place = 0; place < NR_PLACES; place++) {
		/* Where a lock may sleep, no hard interrupt has one. */
		if (place == HARDIRQ_LOCKED && IS_ENABLED(CONFIG_PREEMPT_RT))
			continue;
		watch_place(fix, place);
		for (hook = 0; hook < HOOK_LOCK; hook++)
			KUNIT_EXPECT_EQ_MSG(test, !!(places[place].allowed & BIT(hook)),
					    !(watch.noticed & BIT(hook)), "%s in %s",
					    hook_name(hook), places[place].name);
		/* The first and the second are allowed, the third is not. */
		KUNIT_EXPECT_EQ_MSG(test, place == CALLBACK, watch.misses_noticed, "%s",
				    places[place].name);
	}
	KUNIT_EXPECT_EQ(test, (int)HOOK_ADD, hooks.violator);
	KUNIT_EXPECT_STREQ(test, "without the lock", hooks.violation);
	hooks_reset();
}

static int note_holder(struct virtblk_queue *q)
{
	hook_note(HOOK_LOCK, &q->lock, 0);
	hook_note(HOOK_UNLOCK, &q->lock, 0);
	return atomic_read(&hooks.violations);
}

static int wait_for_lock(struct virtblk_queue *q)
{
	unsigned long flags = hook_lock_irqsave(&q->lock);

	__release(&q->lock);
	hook_unlock_irqrestore(&q->lock, flags);
	return atomic_read(&hooks.violations);
}

/* Who waits for the lock, or can be preempted with it or before the look at the state. */
static void holder_is_watched(struct kunit *test)
{
	struct fixture *fix;
	int with_bh, without, waits;

	skip_if_waits(test);
	fix = fixture_disk(test, "");
	with_bh = note_holder(fix->q);
	local_bh_disable();
	without = note_holder(fix->q);
	waits = wait_for_lock(fix->q);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, 2, with_bh);
	KUNIT_EXPECT_EQ(test, 2, without);
	KUNIT_EXPECT_EQ(test, 3, waits);

	/* All of that is right for a queue that is waited for. */
	fix->q->waits = true;
	note_holder(fix->q);
	KUNIT_EXPECT_EQ(test, 3, wait_for_lock(fix->q));
	hooks_reset();
}

/* Everything that the driver does, it does here: fixture_exit() judges. */
static void all_calls_where_they_belong(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "queue_size=16");
	unsigned int i, n = MAX_IOS - 4;

	io_prepare_reads(test, 0, n);
	/* Several segments, ranges, and nothing at all. */
	io_prepare(test, n, REQ_OP_WRITE, 16384, 4 * SZ_4K);
	io_prepare(test, n + 1, REQ_OP_DISCARD, 32768, SZ_4K);
	io_prepare(test, n + 2, REQ_OP_WRITE_ZEROES, 49152, SZ_4K);
	io_prepare(test, n + 3, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	for (i = 0; i < ARRAY_SIZE(fix->actors); i++)
		actor_start(&fix->actors[i], CPU_A + i, fix, i * n / 3, n / 3);
	io_submit(fix, n, 4);
	for (i = 0; i < ARRAY_SIZE(fix->actors); i++)
		actor_wait(test, &fix->actors[i]);
	io_wait(test, 0, MAX_IOS);

	for (i = 0; i < HOOK_LOCK; i++) {
		/* These depend on the kernel, or on who was faster. */
		if (i == HOOK_END || i == HOOK_BATCH || i == HOOK_REQUEUE || i == HOOK_CHAINED ||
		    i == HOOK_RETRY || i == HOOK_SCHEDULE || i == HOOK_WORK)
			continue;
		KUNIT_EXPECT_NE_MSG(test, 0, hook_count(i), "%s", hook_name(i));
	}
	KUNIT_EXPECT_EQ(test, (unsigned int)MAX_IOS,
			hook_count(HOOK_BATCH) + hook_count(HOOK_END));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WAIT));
}

static struct kunit_case rule_cases[] = {
	KUNIT_CASE(rule_is_watched),
	KUNIT_CASE(holder_is_watched),
	KUNIT_CASE(all_calls_where_they_belong),
	{ }
};

struct kunit_suite virtblk_rule_suite = {
	.name = "virtblk_rule",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = rule_cases,
};
