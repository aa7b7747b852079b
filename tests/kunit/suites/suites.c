// SPDX-License-Identifier: GPL-2.0-only
/*
 * One module: the driver, the simulated device that it drives, and the suites
 * that watch. Loading it runs them.
 */
#include "entry.h"
#include "fixture.h"

static struct kunit_suite *suites[] = {
	&virtblk_rule_suite, &virtblk_run_suite, &virtblk_wait_suite, &virtblk_order_suite,
	&virtblk_notify_suite, &virtblk_complete_suite, &virtblk_backlog_suite,
	&virtblk_poll_suite, &virtblk_request_suite, &virtblk_limits_suite,
};

/*
 * Not kunit_test_suites(): there are kernels that run its suites before the
 * module has its parameters.
 */
static int __init kunit_run(void)
{
#ifdef HAVE_KUNIT_RUN_TESTS
	return __kunit_test_suites_init(suites, ARRAY_SIZE(suites), true);
#else
	return __kunit_test_suites_init(suites, ARRAY_SIZE(suites));
#endif
}

static int __init kunit_init(void)
{
	int err;

	hooks_reset();
	err = sim_kunit_init();
	if (err)
		return err;
	err = virtblk_kunit_init();
	if (err)
		goto out_sim;
	err = kunit_run();
	if (!err)
		return 0;

	virtblk_kunit_exit();
out_sim:
	sim_kunit_exit();
	return err;
}

static void __exit kunit_exit(void)
{
	__kunit_test_suites_exit(suites, ARRAY_SIZE(suites));
	sim_kunit_exit();
	virtblk_kunit_exit();
}

module_init(kunit_init);
module_exit(kunit_exit);

MODULE_DESCRIPTION("KUnit suites for virtio_blk, with the driver and a device in it");
MODULE_LICENSE("GPL");
