// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the device's own, in place of the DMA API's: they fail on request,
 * and it is known how many there are.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/random.h>

#include "sim.h"

#ifdef HAVE_VIRTIO_MAP_OPS
static struct sim_dev *to_sim(union virtio_map map)
{
	return dev_get_drvdata(map.dma_dev);
}

static bool sim_map_fails(struct sim_dev *sim)
{
	if (get_random_u32() % 100 < READ_ONCE(sim->map_fails_pct))
		return true;
	return atomic_dec_if_positive(&sim->map_skip) < 0 && sim_fault(sim, SIM_MAP_FAILS);
}

static dma_addr_t sim_map_page(union virtio_map map, struct page *page, unsigned long offset,
			       size_t size, enum dma_data_direction dir, unsigned long attrs)
{
	struct sim_dev *sim = to_sim(map);

	if (sim_map_fails(sim)) {
		sim_count(sim, SIM_STAT_MAPS_FAILED);
		return DMA_MAPPING_ERROR;
	}
	atomic_inc(&sim->mapped);
	return page_to_phys(page) + offset;
}

static void sim_unmap_page(union virtio_map map, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	if (atomic_dec_return(&to_sim(map)->mapped) < 0)
		sim_violation(to_sim(map), "unmaps %zu bytes that are not mapped", size);
}

static void sim_sync(union virtio_map map, dma_addr_t addr, size_t size,
		     enum dma_data_direction dir)
{
}

static bool sim_need_sync(union virtio_map map, dma_addr_t addr)
{
	return false;
}

static void *sim_alloc(union virtio_map map, size_t size, dma_addr_t *addr, gfp_t gfp)
{
	void *memory = alloc_pages_exact(size, gfp);

	if (memory)
		*addr = virt_to_phys(memory);
	return memory;
}

static void sim_free_memory(union virtio_map map, size_t size, void *memory, dma_addr_t addr,
			    unsigned long attrs)
{
	free_pages_exact(memory, size);
}

static int sim_mapping_error(union virtio_map map, dma_addr_t addr)
{
	return addr == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

static size_t sim_max_mapping_size(union virtio_map map)
{
	return SIZE_MAX;
}

static const struct virtio_map_ops sim_map_ops = {
	.map_page		= sim_map_page,
	.unmap_page		= sim_unmap_page,
	.sync_single_for_cpu	= sim_sync,
	.sync_single_for_device	= sim_sync,
	.alloc			= sim_alloc,
	.free			= sim_free_memory,
	.need_sync		= sim_need_sync,
	.mapping_error		= sim_mapping_error,
	.max_mapping_size	= sim_max_mapping_size,
};

/**
 * sim_maps_init - let a device do its mappings itself
 * @sim: the device, not registered
 *
 * Return: 0, or -EOPNOTSUPP.
 */
int sim_maps_init(struct sim_dev *sim)
{
	sim->vdev.map = &sim_map_ops;
	return 0;
}
#else
int sim_maps_init(struct sim_dev *sim)
{
	return -EOPNOTSUPP;
}
#endif

/**
 * sim_maps_check - what was mapped has to be unmapped
 * @sim: the device, without virtqueues
 */
void sim_maps_check(struct sim_dev *sim)
{
	int left = atomic_xchg(&sim->mapped, 0);

	if (left > 0)
		sim_violation(sim, "leaves %d buffers mapped", left);
}
