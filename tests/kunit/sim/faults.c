// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults: each is a count of how many times more it is to happen.
 */
#include "sim.h"

const char * const sim_fault_names[SIM_NR_FAULTS] = {
	[SIM_LOSE]		= "lose",
	[SIM_LATE]		= "late",
	[SIM_DUPLICATE]		= "duplicate",
	[SIM_BAD_ID]		= "bad_id",
	[SIM_INDEX_JUMP]	= "index_jump",
	[SIM_WRONG_LEN]		= "wrong_len",
	[SIM_ZERO_LEN]		= "zero_len",
	[SIM_NO_STATUS]		= "no_status",
	[SIM_NO_DATA]		= "no_data",
	[SIM_BAD_STATUS]	= "bad_status",
	[SIM_IO_ERROR]		= "io_error",
	[SIM_BAD_APPEND]	= "bad_append",
	[SIM_BAD_REPORT]	= "bad_report",
	[SIM_EARLY_IRQ]		= "early_irq",
	[SIM_SPURIOUS_IRQ]	= "spurious_irq",
	[SIM_TORN_CONFIG]	= "torn_config",
	[SIM_MAP_FAILS]		= "map_fails",
	[SIM_NO_FEATURES]	= "no_features",
	[SIM_NO_VQS]		= "no_vqs",
	[SIM_NO_KICKS]		= "no_kicks",
	[SIM_NO_NOTIFY]		= "no_notify",
};

/**
 * sim_use_one - take one of what is left
 * @left: how many, -1 for no end
 *
 * Return: whether there was one.
 */
bool sim_use_one(atomic_t *left)
{
	return atomic_read(left) < 0 || atomic_dec_if_positive(left) >= 0;
}

/**
 * sim_fault - is a fault to happen now
 * @sim: the device
 * @fault: which
 *
 * Each true counts as one time.
 */
bool sim_fault(struct sim_dev *sim, enum sim_fault fault)
{
	return sim_use_one(&sim->faults[fault]);
}
