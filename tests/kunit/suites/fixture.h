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
 * @vq: its first queue
 * @bdev: the disk
 * @ios: bios
 * @actors: who submits them
 */
struct fixture {
	struct sim_dev *sim;
	struct virtio_blk *vblk;
	struct virtblk_queue *vq;
	struct block_device *bdev;
	struct io ios[MAX_IOS];
	struct actor actors[3];
};

int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);
struct fixture *fixture_disk(struct kunit *test, const char *options);
struct fixture *fixture_scheduled_disk(struct kunit *test);

void io_prepare(struct kunit *test, unsigned int n, blk_opf_t op, sector_t sector,
		unsigned int len);
void io_prepare_reads(struct kunit *test, unsigned int first, unsigned int count);
void io_submit(struct fixture *fix, unsigned int first, unsigned int count);
void io_wait(struct kunit *test, unsigned int first, unsigned int count);

void actor_start(struct actor *actor, unsigned int cpu, struct fixture *fix,
		 unsigned int first, unsigned int count);
void actor_wait(struct kunit *test, struct actor *actor);

bool wait_until(bool (*cond)(void));
unsigned int hook_count(enum hook hook);
unsigned int hook_list(enum hook hook, const void **list, unsigned int max);
void expect_same_order(struct kunit *test, enum hook one, enum hook other, unsigned int count);

extern struct kunit_suite virtblk_rule_suite;
extern struct kunit_suite virtblk_order_suite;
extern struct kunit_suite virtblk_notify_suite;
extern struct kunit_suite virtblk_complete_suite;
extern struct kunit_suite virtblk_backlog_suite;
extern struct kunit_suite virtblk_request_suite;
extern struct kunit_suite virtblk_limits_suite;
extern struct kunit_suite virtblk_poll_suite;

#endif /* KUNIT_FIXTURE_H */
