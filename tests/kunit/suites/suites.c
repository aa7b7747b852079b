// SPDX-License-Identifier: GPL-2.0-only
/*
 * One module: the driver, the simulated device that it drives, and the suites
 * that watch. KUnit runs them when the module is loaded.
 */
#include "entry.h"
#include "fixture.h"

kunit_test_suites(&virtblk_rule_suite, &virtblk_order_suite, &virtblk_notify_suite,
		  &virtblk_complete_suite, &virtblk_backlog_suite, &virtblk_poll_suite,
		  &virtblk_request_suite, &virtblk_limits_suite);

static int __init kunit_init(void)
{
	int err;

	hooks_reset();
	err = sim_kunit_init();
	if (err)
		return err;
	err = virtblk_kunit_init();
	if (err)
		sim_kunit_exit();
	return err;
}

static void __exit kunit_exit(void)
{
	sim_kunit_exit();
	virtblk_kunit_exit();
}

module_init(kunit_init);
module_exit(kunit_exit);

MODULE_DESCRIPTION("KUnit suites for virtio_blk, with the driver and a device in it");
MODULE_LICENSE("GPL");
