// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device stores: pages of memory, none where nothing was written.
 */
#include <linux/highmem.h>

#include "sim.h"

/* Where in its page the byte at @pos is, and how much of @len lies in that page. */
static unsigned int sim_in_page(u64 pos, u64 len, unsigned int *offset)
{
	*offset = offset_in_page(pos);
	return min_t(u64, len, PAGE_SIZE - *offset);
}

static struct page *sim_get_page(struct sim_dev *sim, u64 pos)
{
	unsigned long index = pos >> PAGE_SHIFT;
	struct page *page = xa_load(&sim->pages, index), *old;

	if (page)
		return page;
	page = alloc_page(GFP_NOIO | __GFP_ZERO);
	if (!page)
		return NULL;
	/* Another queue may have been faster. */
	old = xa_cmpxchg(&sim->pages, index, NULL, page, GFP_NOIO);
	if (!old)
		return page;
	__free_page(page);
	return xa_is_err(old) ? NULL : old;
}

/**
 * sim_store_read - copy what is stored
 * @sim: the device
 * @sector: from where; all of it must exist
 * @to: to where, and how much
 *
 * Return: success.
 */
bool sim_store_read(struct sim_dev *sim, u64 sector, struct iov_iter *to)
{
	u64 pos = sector << SECTOR_SHIFT;
	bool ok = true;

	down_read(&sim->store_lock);
	while (ok && iov_iter_count(to)) {
		unsigned int offset, n = sim_in_page(pos, iov_iter_count(to), &offset);
		struct page *page = xa_load(&sim->pages, pos >> PAGE_SHIFT) ?: ZERO_PAGE(0);

		ok = copy_to_iter(page_address(page) + offset, n, to) == n;
		pos += n;
	}
	up_read(&sim->store_lock);
	return ok;
}

/**
 * sim_store_write - store data
 * @sim: the device
 * @sector: where; all of it must exist
 * @from: from where, and how much
 *
 * Return: success; if not, some of it may have been stored.
 */
bool sim_store_write(struct sim_dev *sim, u64 sector, struct iov_iter *from)
{
	u64 pos = sector << SECTOR_SHIFT;
	bool ok = true;

	down_read(&sim->store_lock);
	while (ok && iov_iter_count(from)) {
		unsigned int offset, n = sim_in_page(pos, iov_iter_count(from), &offset);
		struct page *page = sim_get_page(sim, pos);

		ok = page && copy_from_iter(page_address(page) + offset, n, from) == n;
		pos += n;
	}
	up_read(&sim->store_lock);
	return ok;
}

/**
 * sim_store_zero - forget what is stored
 * @sim: the device
 * @sector: from where; all of it must exist
 * @nr_sectors: how much
 */
void sim_store_zero(struct sim_dev *sim, u64 sector, u64 nr_sectors)
{
	u64 pos = sector << SECTOR_SHIFT, end = (sector + nr_sectors) << SECTOR_SHIFT;
	struct page *page;

	down_write(&sim->store_lock);
	while (pos < end) {
		unsigned int offset, n = sim_in_page(pos, end - pos, &offset);
		unsigned long index = pos >> PAGE_SHIFT;

		page = xa_load(&sim->pages, index);
		if (!page) {
			/* On to the next that there is. */
			page = xa_find(&sim->pages, &index, (end - 1) >> PAGE_SHIFT, XA_PRESENT);
			pos = page ? max(pos, (u64)index << PAGE_SHIFT) : end;
			continue;
		}
		if (n < PAGE_SIZE)
			memset(page_address(page) + offset, 0, n);
		else
			__free_page(xa_erase(&sim->pages, index));
		pos += n;
	}
	up_write(&sim->store_lock);
}

/**
 * sim_store_free - free what is stored
 * @sim: the device, out of use
 */
void sim_store_free(struct sim_dev *sim)
{
	struct page *page;
	unsigned long index;

	xa_for_each(&sim->pages, index, page)
		__free_page(page);
	xa_destroy(&sim->pages);
}
