/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: a disk of the simulator's, bios, and CPUs to use them.
 */
#ifndef KUNIT_FIXTURE_H
#define KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/completion.h>

#include "../sim/sim.h"
#include "hooks.h"

struct fixture;

#define MAX_IOS		64
#define PATIENCE_MS	60000	/* only what hangs takes that long */

/* Who runs where in lock step; the test itself may be anywhere. */
enum {
	CPU_A = 1,
	CPU_B = 2,
	CPU_DEVICE = 3,
};

/**
 * struct io - a bio of a test
 * @bio: the bio, NULL when it is not in use
 * @pages: its data
 * @nr_pages: how many
 * @submitted: it has been submitted
 * @refused: the driver will not take it: the block layer ends it
 * @ended: how often it has ended
 * @done: it has ended
 * @status: how
 * @sector: where, after it has ended
 * @then: called at its end
 */
struct io {
	struct bio *bio;
	struct page *pages[16];
	unsigned int nr_pages;
	bool submitted;
	bool refused;
	atomic_t ended;
	struct completion done;
	blk_status_t status;
	sector_t sector;
	void (*then)(struct io *io);
};

/**
 * struct actor - something that runs on a CPU of its own
 * @work: the workqueue's part
 * @fn: what it does
 * @fix: for it
 * @first: its first bio
 * @count: how many it submits
 * @done: it has done it
 */
struct actor {
	struct work_struct work;
	void (*fn)(struct actor *actor);
	struct fixture *fix;
	unsigned int first;
	unsigned int count;
	struct completion done;
};

/**
 * struct fixture - a disk and what is done with it
 * @sim: the device
 * @vblk: the driver's side
 * @q: its first queue
 * @bdev: the disk
 * @ios: bios
 * @actors: who submits them
 * @irq: fixture_interrupt()
 */
struct fixture {
	struct sim_dev *sim;
	struct virtio_blk *vblk;
	struct virtblk_queue *q;
	struct block_device *bdev;
	struct io ios[MAX_IOS];
	struct actor actors[3];
	struct irq_work irq;
};

/**
 * struct step - a moment that a test is about, and lets last
 * @fix: the fixture
 * @cpu: where it comes
 * @context: in what
 * @a: whose moment it is
 * @b: who does something meanwhile
 * @task: who was running when it came
 * @fired: it has come
 * @came: so has what it lasts for
 * @state: the queue's then
 */
struct step {
	struct fixture *fix;
	int cpu;
	enum hook_context context;
	struct actor a;
	struct actor b;
	struct task_struct *task;
	bool fired;
	bool came;
	int state;
};

extern struct step step;

void step_init(struct fixture *fix, int cpu, enum hook_context context);
bool step_now(enum hook hook, enum hook wanted);
void step_until(bool (*cond)(void));
bool step_b_is_done(void);

int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);
struct fixture *fixture_disk(struct kunit *test, const char *options);
struct fixture *fixture_scheduled_disk(struct kunit *test);
struct blk_mq_hw_ctx *fixture_hctx(struct fixture *fix);
void fixture_interrupt(struct fixture *fix);

void io_prepare(struct kunit *test, unsigned int n, blk_opf_t op, sector_t sector,
		unsigned int len);
void io_prepare_reads(struct kunit *test, unsigned int first, unsigned int count);
void io_submit(struct fixture *fix, unsigned int first, unsigned int count);
void io_wait(struct kunit *test, unsigned int first, unsigned int count);

void actor_start(struct actor *actor, unsigned int cpu, struct fixture *fix,
		 unsigned int first, unsigned int count);
void actor_wait(struct kunit *test, struct actor *actor);
void actor_look(struct actor *actor);

bool wait_until(bool (*cond)(void));
bool comes_to(enum hook hook, unsigned int count);
bool wait_until_still(struct fixture *fix);
unsigned int backlog_len(struct fixture *fix);
void skip_if_waits(struct kunit *test);
void call_back_in_a_task(struct fixture *fix);
unsigned int hook_count(enum hook hook);
unsigned int hook_count_in(enum hook hook, int cpu, int context);
const struct hook_event *hook_find(enum hook hook, const void *what);
unsigned int hook_list(enum hook hook, const void **list, unsigned int max);
void expect_same_order(struct kunit *test, enum hook one, enum hook other, unsigned int count);

extern struct kunit_suite virtblk_rule_suite;
extern struct kunit_suite virtblk_run_suite;
extern struct kunit_suite virtblk_wait_suite;
extern struct kunit_suite virtblk_order_suite;
extern struct kunit_suite virtblk_notify_suite;
extern struct kunit_suite virtblk_complete_suite;
extern struct kunit_suite virtblk_backlog_suite;
extern struct kunit_suite virtblk_request_suite;
extern struct kunit_suite virtblk_limits_suite;
extern struct kunit_suite virtblk_poll_suite;

#endif /* KUNIT_FIXTURE_H */
