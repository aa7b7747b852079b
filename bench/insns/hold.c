// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts what a vCPU executes while it holds a spinlock that the driver's
 * module has taken, whatever the module's functions are called:
 *
 *	call _raw_spin_lock_irqsave	from where this returns to ...
 *	...				... whatever runs, in the module or not
 *	call _raw_spin_unlock_irqrestore	... up to here, this included
 *
 * Calls are told by their targets when they are translated. Waiting for the
 * lock, and what the lock functions themselves do, is not in it. Interrupts
 * are off meanwhile, so what the vCPU executes, the holder does.
 *
 * A plugin of this version cannot read registers, so whether a trylock got its
 * lock shows by what comes next on that vCPU: an unlock, or an attempt to lock.
 * Until then what runs is put by. Locks that the module takes are not nested.
 *
 * A lock is a virtqueue's if the virtio ring's functions ever run under it,
 * as told by where it is taken. Others, if there are any, are only numbered.
 *
 * Blocks are counted as a whole. One that is left in its middle, for a device
 * access under -icount, has its rest counted twice.
 */
#include <stdio.h>
#include <stdlib.h>

#include "insns.h"

/* What is at an address; bench/hold.py has the same. */
enum kind { KIND_LOCK = 1, KIND_TRYLOCK, KIND_UNLOCK, KIND_RING, KIND_MODULES, KIND_MODULES_END };

struct place {
	uint64_t address;
	uint64_t kind;
};

/* The beginning of the file "held"; then a number for each span. */
enum event { ACQUISITIONS, UNPAIRED, OTHER_LOCKS, EVENTS };

#define VCPUS		16
#define SITES		1024
#define CALL		0xe8
#define JUMP		0xe9
#define CALL_SIZE	5

/* A place in a module that calls a lock function. */
struct site {
	uint64_t back;			/* where the call returns to */
	enum kind kind;
	bool rings;			/* the ring's functions ran under the lock */
	unsigned char calls[VCPUS];	/* under way */
};

/* What a vCPU has executed since a lock function returned to it. */
struct vcpu {
	struct site *site;		/* NULL: it holds none */
	bool rings;
	uint64_t *counts;		/* by span */
	size_t *touched;		/* spans that are not 0 */
	size_t num_touched;
};

static const struct place *places;
static size_t num_places;
static uint64_t *held;
static bool *is_ring;			/* by span */
static uint64_t modules, modules_end;
static struct vcpu vcpus[VCPUS];
static struct site sites[SITES];
static size_t num_sites;

static void forget(struct vcpu *vcpu)
{
	while (vcpu->num_touched)
		vcpu->counts[vcpu->touched[--vcpu->num_touched]] = 0;
	vcpu->rings = false;
	vcpu->site = NULL;
}

static void on_block(unsigned int index, void *data)
{
	struct vcpu *vcpu = &vcpus[index];
	size_t span = (uintptr_t)data >> 16;

	if (!vcpu->site)
		return;
	if (!vcpu->counts[span])
		vcpu->touched[vcpu->num_touched++] = span;
	vcpu->counts[span] += (uintptr_t)data & 0xffff;
	vcpu->rings |= is_ring[span];
}

static void on_call(unsigned int index, void *data)
{
	struct vcpu *vcpu = &vcpus[index];
	struct site *site = data;

	if (vcpu->site && vcpu->site->kind == KIND_LOCK)
		held[UNPAIRED]++;
	forget(vcpu);
	site->calls[index]++;
}

static void on_return(unsigned int index, void *data)
{
	struct site *site = data;

	/* The code that was here when the site was found may be another by now. */
	if (!site->calls[index])
		return;
	site->calls[index]--;
	vcpus[index].site = site;
}

static void on_unlock(unsigned int index, void *data)
{
	struct vcpu *vcpu = &vcpus[index];
	size_t i;

	(void)data;
	if (!vcpu->site) {
		held[UNPAIRED]++;
		return;
	}
	vcpu->site->rings |= vcpu->rings;
	if (vcpu->site->rings) {
		held[ACQUISITIONS]++;
		for (i = 0; i < vcpu->num_touched; i++)
			held[EVENTS + vcpu->touched[i]] += vcpu->counts[vcpu->touched[i]];
	} else {
		held[OTHER_LOCKS]++;
	}
	forget(vcpu);
}

static struct site *site_of(uint64_t back)
{
	size_t i;

	for (i = 0; i < num_sites; i++)
		if (sites[i].back == back)
			return &sites[i];
	return NULL;
}

static struct site *add_site(uint64_t back, enum kind kind)
{
	struct site *site = site_of(back);

	if (!site) {
		if (num_sites == SITES) {
			fprintf(stderr, "insns.so: more than %d calls of lock functions\n", SITES);
			abort();
		}
		site = &sites[num_sites++];
	}
	site->back = back;
	site->kind = kind;
	return site;
}

/* What lock function an instruction calls, or 0. */
static enum kind called(const struct qemu_plugin_insn *insn)
{
	const unsigned char *code = qemu_plugin_insn_data(insn);
	uint64_t target = qemu_plugin_insn_vaddr(insn) + CALL_SIZE;
	size_t i;

	if (qemu_plugin_insn_size(insn) != CALL_SIZE || (code[0] != CALL && code[0] != JUMP))
		return 0;
	target += (int32_t)(code[1] | code[2] << 8 | code[3] << 16 | (uint32_t)code[4] << 24);
	for (i = 0; i < num_places; i++)
		if (places[i].address == target && places[i].kind <= KIND_UNLOCK &&
		    (code[0] == CALL || places[i].kind == KIND_UNLOCK))
			return places[i].kind;
	return 0;
}

void hold_translated(struct qemu_plugin_tb *tb)
{
	size_t i, first, n = qemu_plugin_tb_n_insns(tb);
	uint64_t start = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

	/* User space holds no lock. */
	if (!span_of(start))
		return;
	if (start >= modules && start < modules_end) {
		struct site *site = site_of(start);
		struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
		enum kind kind = called(last);

		if (site)
			qemu_plugin_register_vcpu_tb_exec_cb(tb, on_return, QEMU_PLUGIN_CB_NO_REGS,
							     site);
		if (kind == KIND_UNLOCK)
			qemu_plugin_register_vcpu_insn_exec_cb(last, on_unlock,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		else if (kind)
			qemu_plugin_register_vcpu_insn_exec_cb(
				last, on_call, QEMU_PLUGIN_CB_NO_REGS,
				add_site(qemu_plugin_insn_vaddr(last) + CALL_SIZE, kind));
	}
	for (first = 0; first < n; first = i) {
		size_t span = span_of(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, first)));

		for (i = first + 1; i < n; i++)
			if (span_of(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i))) != span)
				break;
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
						     (void *)(span << 16 | (i - first)));
	}
}

bool hold_install(const char *calls_path, const char *held_path)
{
	size_t i, places_size, held_size;

	places = map_file(calls_path, &places_size);
	held = map_file(held_path, &held_size);
	is_ring = calloc(num_starts, sizeof(*is_ring));
	if (!places || !held || held_size != (EVENTS + num_starts) * sizeof(*held) || !is_ring)
		return false;
	num_places = places_size / sizeof(*places);
	for (i = 0; i < num_places; i++) {
		if (places[i].kind == KIND_RING)
			is_ring[span_of(places[i].address)] = true;
		else if (places[i].kind == KIND_MODULES)
			modules = places[i].address;
		else if (places[i].kind == KIND_MODULES_END)
			modules_end = places[i].address;
	}
	for (i = 0; i < VCPUS; i++) {
		vcpus[i].counts = calloc(num_starts, sizeof(*vcpus[i].counts));
		vcpus[i].touched = calloc(num_starts, sizeof(*vcpus[i].touched));
		if (!vcpus[i].counts || !vcpus[i].touched)
			return false;
	}
	return true;
}
