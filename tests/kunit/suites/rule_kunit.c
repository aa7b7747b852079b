// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lock rule: what runs under the queue's lock, and that nobody waits for
 * it. fixture_exit() holds every test of all suites against its first half.
 */
#include "fixture.h"

/* Actor A, at the moment that a test is about. */
static struct {
	struct fixture *fix;
	struct actor a;
	struct actor b;
	struct task_struct *owner;
	int cpu;
	bool fired;
	bool came;
} step;

static void step_init(struct fixture *fix, int cpu)
{
	memset(&step, 0, sizeof(step));
	step.fix = fix;
	step.cpu = cpu;
}

/* The first time that a call is made on the CPU in question. */
static bool step_now(enum hook hook, enum hook wanted)
{
	if (hook != wanted || raw_smp_processor_id() != step.cpu || step.fired)
		return false;
	step.fired = true;
	step.owner = current;
	return true;
}

/* How many calls there were on a CPU. */
static unsigned int count_on(enum hook hook, unsigned int cpu, bool irq)
{
	unsigned int i, n = 0, seen = min_t(unsigned int, atomic_read(&hooks.nr_events),
					    HOOK_EVENTS);

	for (i = 0; i < seen; i++) {
		const struct hook_event *event = &hooks.events[i];

		n += event->hook == hook && event->cpu == cpu && event->irq == irq;
	}
	return n;
}

static struct task_struct *who_did(enum hook hook, const void *what)
{
	int i;

	for (i = 0; i < min(atomic_read(&hooks.nr_events), HOOK_EVENTS); i++)
		if (hooks.events[i].hook == hook && hooks.events[i].what == what)
			return hooks.events[i].task;
	return NULL;
}

/* The hooks do notice: every kind of call, in the wrong place. */
static void rule_is_watched(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	unsigned long flags;
	int hook, wrong;

	for (hook = 0; hook < HOOK_LOCK; hook++) {
		bool inside = hook <= HOOK_ENABLE_CB;

		wrong = atomic_read(&hooks.violations);
		if (!inside)
			KUNIT_ASSERT_TRUE(test, hook_trylock_irqsave(&fix->vq->lock, &flags));
		hook_note(hook, NULL, 0);
		if (!inside)
			hook_unlock_irqrestore(&fix->vq->lock, flags);
		KUNIT_EXPECT_EQ_MSG(test, wrong + 1, atomic_read(&hooks.violations), "%s",
				    hook_name(hook));

		if (inside)
			KUNIT_ASSERT_TRUE(test, hook_trylock_irqsave(&fix->vq->lock, &flags));
		hook_note(hook, NULL, 0);
		if (inside)
			hook_unlock_irqrestore(&fix->vq->lock, flags);
		KUNIT_EXPECT_EQ_MSG(test, wrong + 1, atomic_read(&hooks.violations), "%s",
				    hook_name(hook));
	}
	KUNIT_EXPECT_EQ(test, (int)HOOK_ADD, hooks.violator);
	hooks_reset();
}

/* Everything that the driver does, it does here: fixture_exit() judges. */
static void nothing_else_under_the_lock(struct kunit *test)
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
		if (i == HOOK_END || i == HOOK_BATCH || i == HOOK_REQUEUE || i == HOOK_TOW ||
		    i == HOOK_WORK)
			continue;
		KUNIT_EXPECT_NE_MSG(test, 0, hook_count(i), "%s", hook_name(i));
	}
	KUNIT_EXPECT_EQ(test, (unsigned int)MAX_IOS,
			hook_count(HOOK_BATCH) + hook_count(HOOK_END));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WAIT));
}

static bool other_is_done(void)
{
	return completion_done(&step.b.done);
}

/* A owns the queue until B has submitted. */
static void own_until_submitted(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	actor_start(&step.b, CPU_B, step.fix, 1, 8);
	step.came = wait_until(other_is_done);
}

static void submitter_does_not_wait(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	const void *added[MAX_IOS];
	unsigned int i, n;

	io_prepare_reads(test, 0, 9);
	step_init(fix, CPU_A);
	hooks.at = own_until_submitted;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "a submitter waits for the lock's owner");
	io_wait(test, 0, 9);

	KUNIT_EXPECT_EQ(test, 2, count_on(HOOK_BUSY, CPU_B, false));
	KUNIT_EXPECT_EQ(test, 0, count_on(HOOK_LOCK, CPU_B, false));
	KUNIT_EXPECT_EQ(test, 0, hook_count(HOOK_WAIT));
	/* The owner has added what the other had staged. */
	n = hook_list(HOOK_ADD, added, MAX_IOS);
	KUNIT_ASSERT_EQ(test, 9, n);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_PTR_EQ(test, step.owner, who_did(HOOK_ADD, added[i]));
	KUNIT_EXPECT_EQ(test, 1, (int)fix->vq->stats.takeovers);
}

static bool interrupt_went(void)
{
	/* A real-time kernel has threads for interrupts. */
	return count_on(HOOK_BUSY, CPU_DEVICE, !IS_ENABLED(CONFIG_PREEMPT_RT)) == 2;
}

/* A owns the queue while the device finishes a request, and interrupts. */
static void own_until_interrupted(enum hook hook, const void *what)
{
	if (!step_now(hook, HOOK_LOCK))
		return;
	sim_set_credit(step.fix->sim, 1);
	step.came = wait_until(interrupt_went);
}

static void interrupt_does_not_wait(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	const void *added[2];

	io_prepare_reads(test, 0, 2);
	sim_hold(fix->sim);
	io_submit(fix, 0, 1);

	step_init(fix, CPU_A);
	hooks.at = own_until_interrupted;
	actor_start(&step.a, CPU_A, fix, 1, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	KUNIT_EXPECT_TRUE_MSG(test, step.came, "the interrupt handler waits for the lock's owner");
	io_wait(test, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fix->ios[1].ended));

	/* The owner has taken it back, and interrupts are on again. */
	KUNIT_ASSERT_EQ(test, 2, hook_list(HOOK_ADD, added, 2));
	KUNIT_EXPECT_PTR_EQ(test, step.owner, who_did(HOOK_GET_BUF, added[0]));
	KUNIT_EXPECT_EQ(test, (int)VIRTBLK_CB_ARMED, fix->vq->cb);
	sim_set_credit(fix->sim, -1);
	io_wait(test, 1, 1);
}

static bool owner_is_gone(void)
{
	return completion_done(&step.a.done);
}

static bool other_has_failed(void)
{
	return count_on(HOOK_BUSY, CPU_B, false);
}

/* B fails while A owns the queue, and leaves word only after A has looked for it. */
static void word_comes_late(enum hook hook, const void *what)
{
	if (hook == HOOK_LOCK && raw_smp_processor_id() == CPU_A) {
		actor_start(&step.b, CPU_B, step.fix, 1, 1);
		wait_until(other_has_failed);
	}
	if (step_now(hook, HOOK_BUSY))
		step.came = wait_until(owner_is_gone);
}

static void who_comes_too_late_serves(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	const void *added[2];

	io_prepare_reads(test, 0, 2);
	sim_hold(fix->sim);
	step_init(fix, CPU_B);
	hooks.at = word_comes_late;
	actor_start(&step.a, CPU_A, fix, 0, 1);
	actor_wait(test, &step.a);
	KUNIT_ASSERT_TRUE(test, step.fired);
	actor_wait(test, &step.b);
	KUNIT_EXPECT_TRUE(test, step.came);
	KUNIT_EXPECT_EQ(test, 1, count_on(HOOK_LOCK, CPU_B, false));
	KUNIT_EXPECT_EQ(test, 2, hook_list(HOOK_ADD, added, 2));
	hooks.at = NULL;
	sim_set_credit(fix->sim, -1);
	io_wait(test, 0, 2);
}

static struct kunit_case rule_cases[] = {
	KUNIT_CASE(rule_is_watched),
	KUNIT_CASE(nothing_else_under_the_lock),
	KUNIT_CASE(submitter_does_not_wait),
	KUNIT_CASE(interrupt_does_not_wait),
	KUNIT_CASE(who_comes_too_late_serves),
	{ }
};

struct kunit_suite virtblk_rule_suite = {
	.name = "virtblk_rule",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = rule_cases,
};
