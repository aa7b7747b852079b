// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module for a kernel without KUnit: there is nothing that it could run.
 */
#include <linux/module.h>

static int __init kunit_none_init(void)
{
	return -EOPNOTSUPP;
}
module_init(kunit_none_init);

MODULE_DESCRIPTION("KUnit suites for virtio_blk, for a kernel without KUnit");
MODULE_LICENSE("GPL");
