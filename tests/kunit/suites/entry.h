/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before the main.c of the driver and of the simulator: both become
 * parts of one module, which calls what each begins and ends with.
 */
#ifndef KUNIT_ENTRY_H
#define KUNIT_ENTRY_H

#include <linux/module.h>

extern int (*virtblk_kunit_init)(void);
extern void (*virtblk_kunit_exit)(void);
extern int (*sim_kunit_init)(void);
extern void (*sim_kunit_exit)(void);

#ifdef KUNIT_INIT
#undef module_init
#undef module_exit
#undef __exit
#define __exit
#define module_init(fn)	int (*KUNIT_INIT)(void) __initdata = fn
#define module_exit(fn)	void (*KUNIT_EXIT)(void) = fn
#endif

#endif /* KUNIT_ENTRY_H */
