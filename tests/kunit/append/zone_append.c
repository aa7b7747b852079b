// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zone appends for user space, which has no system call for them: write
 * "disk sector sectors count" to the parameter "run", e.g. "/dev/vda 8192 8 4".
 * It sends that many appends at once, the n-th filled with bytes of value n,
 * and "landed" then says where each went, or its error.
 *
 * And discards, of which user space can only send one after the other:
 * "discard" sends as many, with gaps of their own length in between.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#define APPEND_MAX	64

struct append {
	struct bio *bio;
	struct page *page;
	struct completion done;
};

static struct append appends[APPEND_MAX];
static long landed[APPEND_MAX];
static unsigned int nr_landed;
module_param_array(landed, long, &nr_landed, 0444);
MODULE_PARM_DESC(landed, "Sector of each append of the last run, or a negative error");

static void append_done(struct bio *bio)
{
	struct append *append = bio->bi_private;

	complete(&append->done);
}

static int append_prepare(struct append *append, struct block_device *bdev, sector_t sector,
			  unsigned int sectors, int pattern, enum req_op op)
{
	if (op == REQ_OP_ZONE_APPEND) {
		append->page = alloc_page(GFP_KERNEL);
		if (!append->page)
			return -ENOMEM;
		memset(page_address(append->page), pattern, PAGE_SIZE);
	} else {
		sector += 2 * sectors * pattern;
	}
	append->bio = bio_alloc(bdev, !!append->page, op | REQ_SYNC, GFP_KERNEL);
	append->bio->bi_iter.bi_sector = sector;
	append->bio->bi_end_io = append_done;
	append->bio->bi_private = append;
	if (append->page)
		__bio_add_page(append->bio, append->page, sectors << SECTOR_SHIFT, 0);
	else
		append->bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	init_completion(&append->done);
	return 0;
}

static void append_free(struct append *append)
{
	if (append->bio)
		bio_put(append->bio);
	if (append->page)
		__free_page(append->page);
	*append = (struct append) { };
}

static int append_run(struct block_device *bdev, sector_t sector, unsigned int sectors,
		      unsigned int count, enum req_op op)
{
	struct blk_plug plug;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < count; i++)
		err = append_prepare(&appends[i], bdev, sector, sectors, i, op);
	if (!err) {
		blk_start_plug(&plug);
		for (i = 0; i < count; i++)
			submit_bio(appends[i].bio);
		blk_finish_plug(&plug);
		for (i = 0; i < count; i++) {
			struct bio *bio = appends[i].bio;

			wait_for_completion(&appends[i].done);
			landed[i] = blk_status_to_errno(bio->bi_status) ?:
				    (long)bio->bi_iter.bi_sector;
		}
		nr_landed = count;
	}
	for (i = 0; i < count; i++)
		append_free(&appends[i]);
	return err;
}

static int append_set(const char *val, const struct kernel_param *kp)
{
	unsigned int sectors, count;
	unsigned long long sector;
	struct file *file;
	char path[64];
	int err;

	if (sscanf(val, "%63s %llu %u %u", path, &sector, &sectors, &count) != 4 || !sectors ||
	    sectors > PAGE_SECTORS || !count || count > APPEND_MAX)
		return -EINVAL;
	file = filp_open(path, O_RDWR | O_LARGEFILE, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (S_ISBLK(file_inode(file)->i_mode))
		err = append_run(I_BDEV(file->f_mapping->host), sector, sectors, count,
				 *(enum req_op *)kp->arg);
	else
		err = -ENOTBLK;
	filp_close(file, NULL);
	return err;
}

static const struct kernel_param_ops append_ops = {
	.set = append_set,
};

static enum req_op append_op = REQ_OP_ZONE_APPEND;
module_param_cb(run, &append_ops, &append_op, 0200);
MODULE_PARM_DESC(run, "\"disk sector sectors count\": sends so many appends at once");

static enum req_op append_discard_op = REQ_OP_DISCARD;
module_param_cb(discard, &append_ops, &append_discard_op, 0200);
MODULE_PARM_DESC(discard, "\"disk sector sectors count\": sends so many discards at once");

MODULE_DESCRIPTION("Zone appends and discards for tests");
MODULE_LICENSE("GPL");
