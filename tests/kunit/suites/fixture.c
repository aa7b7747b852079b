// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bio.h>
#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/sched/clock.h>

#include "fixture.h"

struct step step;

/**
 * fixture_init - begin a test
 * @test: the test
 */
int fixture_init(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	if (!fix)
		return -ENOMEM;
	hooks_reset();
	test->priv = fix;
	return 0;
}

/* What a failed test has left with the device must not keep the disk from going. */
static void fixture_give_up(struct fixture *fix)
{
	mutex_lock(&fix->vblk->state_mutex);
	virtblk_mark_dead(fix->vblk);
	mutex_unlock(&fix->vblk->state_mutex);
}

static void io_free(struct io *io)
{
	unsigned int i;

	bio_put(io->bio);
	for (i = 0; i < io->nr_pages; i++)
		__free_page(io->pages[i]);
	memset(io, 0, sizeof(*io));
}

/**
 * fixture_exit - end a test
 * @test: the test
 *
 * Whatever it was about: nothing may have broken the rules of hooks.c.
 */
void fixture_exit(struct kunit *test)
{
	struct fixture *fix = test->priv;
	bool stuck = false;
	unsigned int i;

	WRITE_ONCE(hooks.at, NULL);
	hooks.add = NULL;
	hooks.reaped = NULL;
	if (!fix->sim)
		return;

	sim_set_credit(fix->sim, -1);
	for (i = 0; i < MAX_IOS; i++) {
		struct io *io = &fix->ios[i];

		if (!io->submitted)
			continue;
		if (!stuck && !wait_for_completion_timeout(&io->done,
							   msecs_to_jiffies(PATIENCE_MS))) {
			KUNIT_FAIL(test, "request %u never ends", i);
			fixture_give_up(fix);
			stuck = true;
		}
		if (stuck)
			wait_for_completion(&io->done);
		complete_all(&io->done);
	}
	KUNIT_EXPECT_EQ(test, 0, atomic64_read(&fix->sim->stats[SIM_STAT_VIOLATIONS]));
	sim_destroy(fix->sim);

	for (i = 0; i < MAX_IOS; i++) {
		if (!fix->ios[i].bio)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, (int)fix->ios[i].submitted,
				    atomic_read(&fix->ios[i].ended), "request %u", i);
		io_free(&fix->ios[i]);
	}
	KUNIT_EXPECT_EQ_MSG(test, 0, atomic_read(&hooks.violations),
			    "a rule is broken, first by %s %s", hook_name(hooks.violator),
			    hooks.violation ?: "");
}

static struct fixture *fixture_make(struct kunit *test, const char *options)
{
	struct fixture *fix = test->priv;
	struct sim_dev *sim;
	unsigned int i;

	KUNIT_ASSERT_GT(test, num_online_cpus(), (unsigned int)CPU_DEVICE);
	sim = sim_create(options);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sim);
	fix->sim = sim;
	fix->vblk = sim->vdev.priv;
	KUNIT_ASSERT_NOT_NULL(test, fix->vblk);
	fix->q = &fix->vblk->queues[0];
	fix->bdev = fix->vblk->disk->part0;
	KUNIT_ASSERT_EQ_MSG(test, 1, fix->vblk->io_queues[HCTX_TYPE_DEFAULT],
			    "load the module with poll_queues=1");
	for (i = 0; i < sim->num_queues; i++)
		KUNIT_ASSERT_EQ(test, 0, set_cpus_allowed_ptr(sim->queues[i].thread,
							      cpumask_of(CPU_DEVICE)));
	sim_settle(sim);
	for (i = 0; i < fix->vblk->num_queues; i++)
		memset(&fix->vblk->queues[i].stats, 0, sizeof(fix->vblk->queues[i].stats));
	hooks_reset();
	return fix;
}

/**
 * fixture_disk - a disk with one queue for all CPUs, and one to poll
 * @test: the test
 * @options: of the simulator
 *
 * Two queues, so that the block layer has no scheduler for it.
 *
 * Return: the fixture, nothing noted yet.
 */
struct fixture *fixture_disk(struct kunit *test, const char *options)
{
	struct fixture *fix;
	char line[64];

	snprintf(line, sizeof(line), "queues=2 %s", options);
	fix = fixture_make(test, line);
	if (!fix->vblk->zone_sectors)
		KUNIT_ASSERT_NULL(test, fix->vblk->disk->queue->elevator);
	return fix;
}

/**
 * fixture_scheduled_disk - a disk with one queue, and a scheduler before it
 * @test: the test
 *
 * Return: the fixture, nothing noted yet.
 */
struct fixture *fixture_scheduled_disk(struct kunit *test)
{
	struct fixture *fix = fixture_make(test, "");

	KUNIT_ASSERT_NOT_NULL(test, fix->vblk->disk->queue->elevator);
	return fix;
}

/**
 * fixture_hctx - the block layer's side of the queue
 * @fix: the fixture
 */
struct blk_mq_hw_ctx *fixture_hctx(struct fixture *fix)
{
	struct blk_mq_hw_ctx *hctx;
	unsigned long i;

	queue_for_each_hw_ctx(fix->vblk->disk->queue, hctx, i)
		if (hctx->driver_data == fix->q)
			return hctx;
	return NULL;
}

static void fixture_irq(struct irq_work *work)
{
	struct fixture *fix = container_of(work, struct fixture, irq);

	fix->q->vq->callback(fix->q->vq);
}

/**
 * fixture_interrupt - call the queue's callback as an interrupt handler, now
 * @fix: the fixture
 *
 * In a hard interrupt, on PREEMPT_RT in a thread. The simulator's interrupts are
 * the same, but they come only when the ring has something.
 *
 * Context: process, sleeps until it is done.
 */
void fixture_interrupt(struct fixture *fix)
{
	init_irq_work(&fix->irq, fixture_irq);
	irq_work_queue(&fix->irq);
	irq_work_sync(&fix->irq);
}

static void io_end(struct bio *bio)
{
	struct io *io = bio->bi_private;

	if (!io->refused)
		hook_note(HOOK_END_IO, NULL, 0);
	if (atomic_inc_return(&io->ended) > 1)
		return;
	io->status = bio->bi_status;
	io->sector = bio->bi_iter.bi_sector;
	if (io->then)
		io->then(io);
	complete(&io->done);
}

/**
 * io_prepare - make a bio
 * @test: the test
 * @n: its number
 * @op: operation and flags
 * @sector: where
 * @len: bytes; those of a read, write or append have pages, each the half of one,
 *	so that none can be merged with the next
 */
void io_prepare(struct kunit *test, unsigned int n, blk_opf_t op, sector_t sector,
		unsigned int len)
{
	bool data = (op & REQ_OP_MASK) == REQ_OP_READ || (op & REQ_OP_MASK) == REQ_OP_WRITE ||
		    (op & REQ_OP_MASK) == REQ_OP_ZONE_APPEND;
	struct fixture *fix = test->priv;
	struct io *io = &fix->ios[n];

	io->bio = bio_alloc(fix->bdev, ARRAY_SIZE(io->pages), op, GFP_KERNEL);
	io->bio->bi_iter.bi_sector = sector;
	io->bio->bi_end_io = io_end;
	io->bio->bi_private = io;
	init_completion(&io->done);
	if (!data) {
		io->bio->bi_iter.bi_size = len;
		return;
	}
	for (; len; len -= min_t(unsigned int, len, PAGE_SIZE / 2)) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

		KUNIT_ASSERT_NOT_NULL(test, page);
		io->pages[io->nr_pages++] = page;
		__bio_add_page(io->bio, page, min_t(unsigned int, len, PAGE_SIZE / 2), 0);
	}
}

/**
 * io_prepare_reads - make bios that read, with gaps in between
 * @test: the test
 * @first: number of the first
 * @count: how many
 */
void io_prepare_reads(struct kunit *test, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < first + count; i++)
		io_prepare(test, i, REQ_OP_READ, i * 64, SECTOR_SIZE);
}

/**
 * io_submit - submit bios in a plug list
 * @fix: the fixture
 * @first: number of the first
 * @count: how many
 */
void io_submit(struct fixture *fix, unsigned int first, unsigned int count)
{
	struct blk_plug plug;
	unsigned int i;

	blk_start_plug(&plug);
	for (i = first; i < first + count; i++) {
		fix->ios[i].submitted = true;
		submit_bio(fix->ios[i].bio);
	}
	blk_finish_plug(&plug);
}

/**
 * io_wait - wait for bios, which must succeed
 * @test: the test
 * @first: number of the first
 * @count: how many
 */
void io_wait(struct kunit *test, unsigned int first, unsigned int count)
{
	struct fixture *fix = test->priv;
	unsigned int i;

	for (i = first; i < first + count; i++) {
		struct io *io = &fix->ios[i];

		KUNIT_ASSERT_NE_MSG(test, 0,
				    wait_for_completion_timeout(&io->done,
								msecs_to_jiffies(PATIENCE_MS)),
				    "request %u never ends", i);
		complete_all(&io->done);	/* for fixture_exit() */
		KUNIT_EXPECT_EQ_MSG(test, 0, blk_status_to_errno(io->status), "request %u", i);
	}
}

static void actor_work(struct work_struct *work)
{
	struct actor *actor = container_of(work, struct actor, work);

	actor->fn(actor);
	complete_all(&actor->done);
}

static void actor_submit(struct actor *actor)
{
	io_submit(actor->fix, actor->first, actor->count);
}

/**
 * actor_start - have bios submitted on a CPU, or what the actor wants to do
 * @actor: the actor; @actor->fn may be set
 * @cpu: where
 * @fix: the fixture
 * @first: number of the first bio
 * @count: how many
 */
void actor_start(struct actor *actor, unsigned int cpu, struct fixture *fix,
		 unsigned int first, unsigned int count)
{
	if (!actor->fn)
		actor->fn = actor_submit;
	actor->fix = fix;
	actor->first = first;
	actor->count = count;
	init_completion(&actor->done);
	INIT_WORK(&actor->work, actor_work);
	schedule_work_on(cpu, &actor->work);
}

/**
 * actor_wait - wait until an actor is done
 * @test: the test
 * @actor: the actor
 */
void actor_wait(struct kunit *test, struct actor *actor)
{
	bool done = wait_for_completion_timeout(&actor->done, msecs_to_jiffies(PATIENCE_MS));

	flush_work(&actor->work);
	KUNIT_EXPECT_TRUE_MSG(test, done, "a submitter waits");
}

/**
 * actor_look - what an actor may do: have the softirq look at the queue
 * @actor: the actor
 */
void actor_look(struct actor *actor)
{
	virtblk_look(actor->fix->q);
}

/**
 * wait_until - wait for another CPU, interrupts on or off
 * @cond: for what
 *
 * Return: whether it came.
 */
bool wait_until(bool (*cond)(void))
{
	u64 end = local_clock() + PATIENCE_MS / 2 * (u64)NSEC_PER_MSEC;

	while (!cond()) {
		if (local_clock() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/**
 * step_init - begin a test of a moment
 * @fix: the fixture
 * @cpu: where it comes
 * @context: in what
 */
void step_init(struct fixture *fix, int cpu, enum hook_context context)
{
	memset(&step, 0, sizeof(step));
	step.fix = fix;
	step.cpu = cpu;
	step.context = context;
}

/**
 * step_now - is this the moment
 * @hook: what is called
 * @wanted: what it is called for the first time at that moment
 */
bool step_now(enum hook hook, enum hook wanted)
{
	if (step.fired || hook != wanted || raw_smp_processor_id() != step.cpu ||
	    hook_context() != step.context)
		return false;
	step.fired = true;
	step.task = current;
	return true;
}

/**
 * step_until - let the moment last
 * @cond: until then
 */
void step_until(bool (*cond)(void))
{
	step.came = wait_until(cond);
	step.state = atomic_read(&step.fix->q->state);
}

/**
 * step_b_is_done - B has done its part
 */
bool step_b_is_done(void)
{
	return completion_done(&step.b.done);
}

/**
 * comes_to - wait until there were as many calls, and no more
 * @hook: of which kind
 * @count: how many
 */
bool comes_to(enum hook hook, unsigned int count)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS && hook_count(hook) < count; ms += 20)
		msleep(20);
	return hook_count(hook) == count;
}

/**
 * wait_until_still - wait until nobody runs the queue, and nobody will
 * @fix: the fixture
 *
 * Return: whether that came.
 */
bool wait_until_still(struct fixture *fix)
{
	int state;

	return !read_poll_timeout(atomic_read, state, !(state & ~VIRTBLK_FULL) &&
				  !work_busy(&fix->q->work), USEC_PER_MSEC,
				  PATIENCE_MS * USEC_PER_MSEC, false, &fix->q->state);
}

/**
 * backlog_len - how many requests wait for room in the ring
 * @fix: the fixture, with a queue that nobody runs
 */
unsigned int backlog_len(struct fixture *fix)
{
	struct llist_node *node;
	unsigned int n = 0;

	for (node = READ_ONCE(fix->q->backlog); node; node = node->next)
		n++;
	return n;
}

/**
 * skip_if_waits - skip a test of what happens when the lock is missed
 * @test: the test
 */
void skip_if_waits(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "on PREEMPT_RT the lock is waited for");
}

/**
 * call_back_in_a_task - call the queue's callback, from a task
 * @fix: the fixture
 *
 * From then on its lock is waited for.
 */
void call_back_in_a_task(struct fixture *fix)
{
	fix->q->vq->callback(fix->q->vq);
}

/**
 * hook_count - how many calls there were
 * @hook: of which kind
 */
unsigned int hook_count(enum hook hook)
{
	return atomic_read(&hooks.count[hook]);
}

/* The next call of a kind, from the n-th of all on; NULL: there is none. */
static const struct hook_event *hook_next(enum hook hook, unsigned int *n)
{
	unsigned int seen = min_t(unsigned int, atomic_read(&hooks.nr_events), HOOK_EVENTS);

	while (*n < seen) {
		const struct hook_event *event = &hooks.events[(*n)++];

		if (event->hook == hook)
			return event;
	}
	return NULL;
}

/**
 * hook_count_in - how many calls there were somewhere
 * @hook: of which kind
 * @cpu: on which CPU, or HOOK_ANY
 * @context: in which context, or HOOK_ANY
 */
unsigned int hook_count_in(enum hook hook, int cpu, int context)
{
	const struct hook_event *event;
	unsigned int i = 0, n = 0;

	while ((event = hook_next(hook, &i)))
		n += (cpu == HOOK_ANY || event->cpu == cpu) &&
		     (context == HOOK_ANY || event->context == context);
	return n;
}

/**
 * hook_find - the first call for a request
 * @hook: of which kind
 * @what: the request, or NULL for any
 *
 * Return: it, NULL if there was none.
 */
const struct hook_event *hook_find(enum hook hook, const void *what)
{
	const struct hook_event *event;
	unsigned int i = 0;

	while ((event = hook_next(hook, &i)))
		if (!what || event->what == what)
			break;
	return event;
}

/**
 * hook_list - the requests of all successful calls of a kind
 * @hook: which
 * @list: for them
 * @max: room in it
 *
 * Return: how many there were.
 */
unsigned int hook_list(enum hook hook, const void **list, unsigned int max)
{
	const struct hook_event *event;
	unsigned int i = 0, n = 0;

	while ((event = hook_next(hook, &i))) {
		if (!event->what || event->value < 0)
			continue;
		if (n < max)
			list[n] = event->what;
		n++;
	}
	return n;
}

/**
 * expect_same_order - two kinds of calls were made for the same requests, in order
 * @test: the test
 * @one: of one kind
 * @other: of the other
 * @count: how many
 */
void expect_same_order(struct kunit *test, enum hook one, enum hook other, unsigned int count)
{
	const void *first[MAX_IOS], *second[MAX_IOS];
	unsigned int i;

	KUNIT_ASSERT_LE(test, count, (unsigned int)MAX_IOS);
	KUNIT_ASSERT_LE(test, atomic_read(&hooks.nr_events), HOOK_EVENTS);
	KUNIT_ASSERT_EQ(test, count, hook_list(one, first, MAX_IOS));
	KUNIT_ASSERT_EQ(test, count, hook_list(other, second, MAX_IOS));
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, first[i], second[i], "number %u", i);
}
