// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a line of options to a device that is not registered yet.
 */
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "sim.h"

#define SIM_MAX_QUEUES	1024

struct sim_options {
	u64 size;
	u64 zone_size;
	u64 zone_cap;
	u64 conventional;
	u64 queues;
	u64 queue_size;
	u64 max_chain;
	unsigned int zoned;
};

static const char * const sim_models[] = {
	[VIRTIO_BLK_Z_NONE] = "none",
	[VIRTIO_BLK_Z_HM] = "host-managed",
	[VIRTIO_BLK_Z_HA] = "host-aware",
};

static const char * const sim_callers[] = {
	[SIM_LOCAL] = "local",
	[SIM_REMOTE] = "remote",
	[SIM_TASK] = "task",
};

static int sim_match(const char * const *words, size_t n, const char *value, unsigned int *index)
{
	int found = match_string(words, n, value);

	if (found < 0)
		return found;
	*index = found;
	return 0;
}

/* A number, perhaps with K, M, G. */
static int sim_number(const char *word, u64 *value)
{
	char *end;

	*value = memparse(word, &end);
	return *word && !*end ? 0 : -EINVAL;
}

/*
 * First the words that shape the device; what has a default that follows from
 * them, features and fields of the configuration, is for the second time.
 */
static int sim_shape(struct sim_dev *sim, struct sim_options *opt, const char *key,
		     const char *value)
{
	if (!strcmp(key, "serial"))
		return strscpy(sim->serial, value, sizeof(sim->serial)) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "zoned"))
		return sim_match(sim_models, ARRAY_SIZE(sim_models), value, &opt->zoned);
	if (!strcmp(key, "size"))
		return sim_number(value, &opt->size);
	if (!strcmp(key, "zone_size"))
		return sim_number(value, &opt->zone_size);
	if (!strcmp(key, "zone_cap"))
		return sim_number(value, &opt->zone_cap);
	if (!strcmp(key, "conventional"))
		return sim_number(value, &opt->conventional);
	if (!strcmp(key, "queues"))
		return sim_number(value, &opt->queues);
	if (!strcmp(key, "queue_size"))
		return sim_number(value, &opt->queue_size);
	if (!strcmp(key, "max_chain"))
		return sim_number(value, &opt->max_chain);
	if (!strcmp(key, "interrupts"))
		return sim_match(sim_callers, ARRAY_SIZE(sim_callers), value, &sim->interrupts);
	if (!strcmp(key, "maps"))
		return strcmp(value, "own") ? -EINVAL : sim_maps_init(sim);
	return -ENOENT;
}

static int sim_check_shape(const struct sim_options *opt)
{
	if (!opt->queues || opt->queues > SIM_MAX_QUEUES)
		return -EINVAL;
	if (!is_power_of_2(opt->queue_size) || opt->queue_size > 32768)
		return -EINVAL;
	if (opt->max_chain < opt->queue_size || opt->max_chain > 32768)
		return -EINVAL;
	if (opt->zoned &&
	    (opt->zone_size < SECTOR_SIZE || opt->zone_size >> SECTOR_SHIFT > U32_MAX))
		return -EINVAL;
	return 0;
}

static void sim_default_config(struct sim_dev *sim, const struct sim_options *opt)
{
	sim_config_set(sim, "capacity", sim->capacity);
	sim_config_set(sim, "size_max", SZ_64K);
	/* A request takes two descriptors more than it has segments. */
	sim_config_set(sim, "seg_max", max(opt->max_chain, 3ULL) - 2);
	sim_config_set(sim, "blk_size", SECTOR_SIZE);
	sim_config_set(sim, "writeback", 1);
	sim_config_set(sim, "num_queues", opt->queues);
	sim_config_set(sim, "max_discard_sectors", SZ_1M);
	sim_config_set(sim, "max_discard_seg", 16);
	sim_config_set(sim, "discard_sector_alignment", 1);
	sim_config_set(sim, "max_write_zeroes_sectors", SZ_1M);
	sim_config_set(sim, "max_write_zeroes_seg", 1);
	sim_config_set(sim, "write_zeroes_may_unmap", 1);
	sim_config_set(sim, "max_secure_erase_sectors", SZ_1M);
	sim_config_set(sim, "max_secure_erase_seg", 16);
	sim_config_set(sim, "secure_erase_sector_alignment", 1);
	if (!opt->zoned)
		return;
	sim_config_set(sim, "zone_sectors", sim->zone_sectors);
	sim_config_set(sim, "max_append_sectors", min_t(u64, sim->zone_sectors, SZ_1K));
	sim_config_set(sim, "write_granularity", SECTOR_SIZE);
	sim_config_set(sim, "model", opt->zoned);
}

static u64 sim_default_features(const struct sim_options *opt)
{
	u64 features = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		       BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		       BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE) | BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) |
		       BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		       BIT_ULL(VIRTIO_F_VERSION_1);

	if (opt->queues > 1)
		features |= BIT_ULL(VIRTIO_BLK_F_MQ);
	if (opt->zoned)
		features |= BIT_ULL(VIRTIO_BLK_F_ZONED);
	if (opt->zoned != VIRTIO_BLK_Z_HM)
		features |= BIT_ULL(VIRTIO_BLK_F_DISCARD) | BIT_ULL(VIRTIO_BLK_F_SECURE_ERASE);
	return features;
}

static int sim_override(struct sim_dev *sim, const char *key, const char *value)
{
	int bit;
	u64 n;

	if (value)
		return sim_number(value, &n) ?: sim_config_set(sim, key, n);
	bit = sim_feature(key + 1);
	if (bit < 0)
		return bit;
	if (*key == '+')
		sim->features |= BIT_ULL(bit);
	else if (*key == '-')
		sim->features &= ~BIT_ULL(bit);
	else
		return -EINVAL;
	return 0;
}

/* One of the two passes over the words; the line is taken to pieces. */
static int sim_parse_words(struct sim_dev *sim, struct sim_options *opt, char *line, bool shape)
{
	char *key, *value;
	int err;

	while ((key = strsep(&line, " \t\n"))) {
		if (!*key)
			continue;
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		err = value ? sim_shape(sim, opt, key, value) : -ENOENT;
		if (err == -ENOENT)
			err = shape ? 0 : sim_override(sim, key, value);
		if (err) {
			pr_err(SIM_NAME ": bad option '%s%s%s'\n", key, value ? "=" : "",
			       value ?: "");
			return err;
		}
	}
	return 0;
}

static int sim_parse_into(struct sim_dev *sim, const char *options)
{
	struct sim_options opt = {
		.size = SZ_64M,
		.zone_size = SZ_4M,
		.zone_cap = U64_MAX,
		.queues = 1,
		.queue_size = 128,
	};
	char *line = kstrdup(options, GFP_KERNEL);
	int err;

	if (!line)
		return -ENOMEM;
	err = sim_parse_words(sim, &opt, line, true);
	if (err)
		goto out;
	opt.max_chain = opt.max_chain ?: opt.queue_size;
	err = sim_check_shape(&opt);
	if (err) {
		pr_err(SIM_NAME ": queues, queue_size, max_chain or zone_size out of range\n");
		goto out;
	}

	sim->capacity = opt.size >> SECTOR_SHIFT;
	sim->num_queues = opt.queues;
	sim->queue_size = opt.queue_size;
	sim->max_chain = opt.max_chain;
	if (opt.zoned)
		sim->zone_sectors = opt.zone_size >> SECTOR_SHIFT;
	sim->features = sim_default_features(&opt);
	sim_default_config(sim, &opt);
	strscpy(line, options, strlen(options) + 1);
	err = sim_parse_words(sim, &opt, line, false);
	if (!err && opt.zoned)
		err = sim_zones_init(sim, opt.conventional, opt.zone_cap >> SECTOR_SHIFT);
out:
	kfree(line);
	return err;
}

/**
 * sim_parse - make a device of a line of options
 * @options: the line; README.md has the words
 * @index: the device's serial is sim<index> unless the options have one
 *
 * Return: the device, to be freed by sim_free(), or an ERR_PTR: -EINVAL,
 * -ERANGE, -ENOMEM.
 */
struct sim_dev *sim_parse(const char *options, int index)
{
	struct sim_dev *sim = kzalloc_obj(*sim);
	int err;

	if (!sim)
		return ERR_PTR(-ENOMEM);
	init_completion(&sim->released);
	spin_lock_init(&sim->config_lock);
	spin_lock_init(&sim->record_lock);
	init_irq_work(&sim->config_irq, sim_config_irq);
	init_rwsem(&sim->store_lock);
	xa_init(&sim->pages);
	mutex_init(&sim->zone_lock);
	sim->late_ms = 1000;
	atomic_set(&sim->credit, -1);
	snprintf(sim->serial, sizeof(sim->serial), "sim%d", index);

	err = sim_parse_into(sim, options);
	if (!err)
		return sim;
	sim_free(sim);
	return ERR_PTR(err);
}

/**
 * sim_free - free a device
 * @sim: the device, not registered
 */
void sim_free(struct sim_dev *sim)
{
	sim_store_free(sim);
	kvfree(sim->zones);
	mutex_destroy(&sim->zone_lock);
	kfree(sim);
}
