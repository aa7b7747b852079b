/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The protocol of virtio_blk/queue.c: stage, try the lock, leave word, own,
 * look again; the right to interrupts (cb); the owed notification; retry,
 * hand-over and close. Names are the driver's. run.py has the configurations;
 * each -DM_... takes away one barrier, re-check or rule, and must be caught.
 *
 * Memory is weak: a store goes to its CPU's buffer, from where memory() takes
 * it at any time, variables in any order. Only these order anything:
 *
 *	MB		smp_mb(), and what implies it: an RMW that returns a
 *			value and did not fail. Waits for the buffer to be empty.
 *	release		the guards in DRAIN(): not before what was stored earlier
 *
 * Loads take effect in program order, but where a mutant says otherwise.
 */
#ifndef SUBMITTERS
#define SUBMITTERS	0	/* each stages a request, and serves */
#endif
#ifndef INFLIGHT
#define INFLIGHT	0	/* requests that the device has at first */
#endif
#ifndef POLLERS
#define POLLERS		0	/* of a poll queue: no interrupts */
#endif
#ifndef POLLS
#define POLLS		2	/* of each, unasked */
#endif
#ifndef SLOTS
#define SLOTS		8	/* of the ring, one a request */
#endif
#ifndef FAILS
#define FAILS		0	/* virtqueue_add_sgs() says -ENOMEM so often */
#endif
#ifndef MAX_TURNS
#define MAX_TURNS	2
#endif
/*
 * ENDING	submitter 0 is in an end_io: must not reap
 * EVENT	VIRTIO_RING_F_EVENT_IDX: a notification or interrupt, once sent,
 *		is not repeated until it is asked for again
 * LATE		virtblk_is_late() calls virtblk_done() once, beside the handler
 * STALLED	somebody has the lock and never goes on
 * STOP		virtblk_del_vqs() and virtblk_take_all_back(), at any time
 * SERIES	the protocol of patches/: the handler leaves word of completions
 *		(reap), and the owner switches interrupts; STOP is
 *		virtblk_freeze_priv()
 */

#define ALL		((1 << (SUBMITTERS + INFLIGHT)) - 1)
#define FIRST		(ALL & ~((1 << SUBMITTERS) - 1))

#define IRQ		(!POLLERS)

/* CPUs. A handler has its own: in a guest it may run beside anybody. */
#define WORKER		SUBMITTERS
#define HANDLER		(WORKER + 1)
#define POLLER0		(WORKER + 1)
#define POLLER1		(WORKER + 2)
#define CALLER		(WORKER + 2)
#define CPUS		(SUBMITTERS + 3)

/* enum virtblk_cb */
#define ARMED		1
#define HELD		2
#define WANTED		3
#define RAISED		4

/* struct virtblk_vq; requests are bits. */
bool locked, closed, again, notify;	/* closed: !open */
byte cb = ARMED;
byte staged, backlog;
byte in_ring = INFLIGHT;

/* The virtqueue: available, with the device, used; what each side wants to hear. */
byte ring = FIRST, used;
#ifdef BUSY
byte busy;
#endif
bool cb_on = IRQ, want_kick, kicked;
bool awake = true;

#ifdef SERIES
bool reap_wanted;		/* virtio_blk_vq.reap */
byte b_reap[CPUS];
byte entered;
#define NO_REAP		!b_reap[me]
#define LOAD_reap	(b_reap[me] -> b_reap[me] - 1 : reap_wanted)
#define REAP_STORED(c)	(b_reap[c] == 1)
#else
#define NO_REAP		true
#define REAP_STORED(c)	false
#endif

bool irq, work;
byte done, fails = FAILS;

/* The store buffers; values are one more than what is stored, 0 is none. */
byte b_again[CPUS], b_cb[CPUS], b_cb_on[CPUS], b_ring[CPUS];
bool b_notify[CPUS], b_unlock[CPUS];

#define EMPTY		(!(b_again[me] || b_cb[me] || b_cb_on[me] || b_ring[me] || \
			   b_notify[me] || b_unlock[me]) && NO_REAP)
#define MB		EMPTY

/* A CPU sees its own stores. */
#define LOAD_again	(b_again[me] -> b_again[me] - 1 : again)
#define LOAD_cb		(b_cb[me] -> b_cb[me] : cb)
#define LOAD_cb_on	(b_cb_on[me] -> b_cb_on[me] - 1 : cb_on)
#define LOAD_notify	(b_notify[me] || notify)

/* When a queue is closed. */
bool quiesced, stopped, reset, gone, freed;
byte inside;			/* who serves; with preemption off or in an RCU reader */
byte submitting, owned, taken_back;
bool handling, working, owner;

#define ENTER		inside = inside | 1 << me
#define LEAVE		inside = inside & ~(1 << me)

/* WRITE_ONCE(); smp_mb(): what is still in the buffer may come first, or last. */
inline store_again_mb(value)
{
	atomic {
		if
		:: EMPTY -> again = value
		:: else -> b_again[me] = value + 1
		fi
	}
	MB
}

#ifdef M_NO_LOCK
#define GOT		true
#else
#define GOT		!locked
#endif

inline try_lock()
{
	/* Acquires. That it fails orders nothing. */
	d_step {
		!b_unlock[me] ->
		got = GOT;
		locked = true;
		assert(!got || !owner);
		owner = owner || got
	}
}

/* virtblk_reap() */
inline reap()
{
	d_step {
		assert(!stopped);
		mine = mine | used;
		owned = owned | used;
		n = used;
		used = 0;
		do
		:: n -> n = n & (n - 1); in_ring--
		:: else -> break
		od;
		reaped = true
	}
}

#ifdef M_KICK_BARRIER
#define RING		b_ring[me]
#else
#define RING		ring		/* kick_prepare's barrier follows at once */
#endif

/*
 * virtblk_add_backlog(). The notification is owed from here on, by whoever is
 * next to look: kick_prepare's barrier has the requests seen before we look
 * whether it is owed already; pairs with the xchg() in send_notify().
 */
inline add_backlog()
{
	/* virtblk_unstage(): llist_del_all() is an xchg(). */
	atomic {
		!staged || MB ->
		assert(!stopped || !(staged || backlog));
		backlog = backlog | staged;
		staged = 0;
		if
		:: fails && backlog -> fails--
		:: true ->
			do
			:: backlog && in_ring < SLOTS ->
				n = backlog & ~(backlog - 1);
				RING = RING | n;
				added = true;
				backlog = backlog & ~n;
				in_ring++
			:: else -> break
			od;
			n = 0
		fi;
		retry = backlog && !in_ring
	}
	if
	:: added ->
		added = false;
#ifndef M_KICK_BARRIER		/* virtio_mb() in virtqueue_kick_prepare() */
		MB;
#endif
#ifdef EVENT
		d_step { kick = want_kick && ring; want_kick = want_kick && !kick };
#else
		kick = want_kick;
#endif
		if
		:: kick && !LOAD_notify -> b_notify[me] = true
		:: else
		fi;
		kick = false
	:: else
	fi
}

/* virtblk_rearm() */
inline rearm()
{
	/*
	 * virtqueue_enable_cb(): interrupts on, then look: either we see what the
	 * device has used, or it sees that we want to hear of it.
	 */
	atomic {
		assert(!stopped);
#if defined(M_ACQUIRE) && !defined(EVENT)
		if
		:: !early -> b_cb_on[me] = 2
		:: else
		fi
#else
		b_cb_on[me] = 2
#endif
	}
#ifndef M_ENABLE_BARRIER	/* virtio_mb() in virtqueue_enable_cb() */
	MB;
#endif
#ifdef M_IGNORE_MORE		/* what virtqueue_enable_cb() says */
	more = false;
#else
	more = used != 0;
#endif
	/*
	 * Full barrier; fails if virtblk_done() has left RAISED, which would be
	 * lost if this were a store.
	 */
	if
	:: more
	:: else ->
		d_step {
			MB ->
#ifdef M_REARM_STORE
			cb = ARMED
#else
			if
			:: cb == HELD -> cb = ARMED
			:: else -> more = true
			fi
#endif
		}
	fi
}

#ifdef SERIES
/* For the owner, with word of completions taken: until there are none. */
inline reap_all()
{
	do
	:: true ->
#ifndef EVENT			/* there it only stops asking again */
		b_cb_on[me] = 1;
#endif
		reap();
		b_cb_on[me] = 2;	/* virtqueue_enable_cb(), as in rearm() */
#ifndef M_ENABLE_BARRIER
		MB;
#endif
		if
		:: used
		:: else -> break
		fi
	od
}
#endif

/*
 * virtblk_want_reap(). A release, see AFTER_DISABLE(): who reaps would else
 * switch interrupts on, and we off again behind its back, for ever.
 */
inline want_reap()
{
	assert(!gone);
#ifndef EVENT			/* there it only stops asking again */
	b_cb_on[me] = 1;
#endif
	b_cb[me] = WANTED
}

/*
 * virtblk_leave_word()'s smp_mb(): the work before the word, or an owner could
 * take the word, see no work, and go. A release would do here, where stores
 * reach all CPUs at once; Power, where they do not, wants the full barrier for
 * a word that the owner overwrites without having read it.
 */
#ifdef M_WORD_EARLY
#define WORK_BEFORE_WORD	true
#else
#define WORK_BEFORE_WORD	MB
#endif

/* virtblk_take_turn() */
inline take_turn()
{
#ifdef SERIES
	assert(!freed);
#endif
#ifdef M_WAIT			/* spin_lock_irqsave() */
	d_step { !locked && !b_unlock[me] -> locked = true; owner = true; got = true };
#else
	try_lock();
#endif
	if
	:: !got && !(POLLERS && may_reap) ->
		/*
		 * Leave word, then try once more: store, barrier, load, as in
		 * serve(): either the owner sees our word, or we see the lock
		 * free. The failed try orders nothing.
		 */
		WORK_BEFORE_WORD;
#ifdef M_WORD_BARRIER
		b_again[me] = 2;
#else
		store_again_mb(1);
#endif
#ifndef M_NO_SECOND_TRY
		try_lock()
#endif
	:: else
	fi;
#ifdef STOP
	if
	:: got && closed ->
		d_step { b_unlock[me] = true; owner = false; got = false }
	:: else
	fi;
#endif
	if
	:: got ->
#ifdef M_ACQUIRE
		early = LOAD_cb_on;
#endif
		/* Word that we take was left after its work, which we see from here on. */
		if
		:: LOAD_again ->
#ifdef M_TAKE_WORD_BARRIER
			b_again[me] = 1
#else
			store_again_mb(0)
#endif
		:: else
		fi;

#if POLLERS
		if
		:: may_reap -> reap()
		:: else
		fi;
#elif defined(SERIES)
		if
		/*
		 * What was used when it was set is seen: the last look at the ring
		 * comes after the barrier in virtqueue_enable_cb().
		 */
		:: LOAD_reap && may_reap -> b_reap[me] = 1; reap_all()
#ifndef M_NO_HANDOVER
		:: LOAD_reap && !may_reap -> handover = true
#endif
		:: else
		fi;
#else
		/* smp_load_acquire(): and what came before WANTED. */
		if
		:: atomic { LOAD_cb == WANTED && may_reap -> b_cb[me] = HELD }; reap()
#ifndef M_NO_HANDOVER
		:: LOAD_cb == WANTED && !may_reap -> handover = true
#endif
		:: else
		fi;
#endif
		add_backlog();
#if !POLLERS && !defined(SERIES)
		if
		:: reaped -> rearm()
		:: else
		fi;
#endif
		d_step {
			b_unlock[me] = true;
			owner = false;
			reaped = false;
			if
			:: more -> want_reap()
			:: else
			fi
		}
	:: else
	fi
}

/* Taken, then sent: a request that is added between the two is owed again. */
inline send_notify()
{
	if
	:: LOAD_notify ->
#ifdef M_SEND_THEN_TAKE
		assert(!gone);
		kicked = true;
		d_step { MB -> notify = false }
#else
		d_step { MB -> kick = notify; notify = false };
		if
		:: kick -> assert(!gone && !freed); kicked = true; kick = false
		:: else
		fi
#endif
	:: else
	fi
}

inline complete()
{
	d_step {
		assert(!(done & mine) && !(taken_back & mine));
		done = done | mine;
		owned = owned & ~mine;
		mine = 0
	}
}

/* virtblk_serve() */
inline serve()
{
	do
	:: turns == MAX_TURNS ->
#ifndef M_NO_TURNS_HANDOVER
		work = true;
#endif
		break
	:: else ->
		turns++;
		take_turn();
		if
		:: !got -> break
		:: else
		fi;
		if
		:: more -> WORK_BEFORE_WORD; b_again[me] = 2; more = false
		:: else
		fi;
		send_notify();
		atomic {
			complete();
#ifndef M_NO_RETRY
			work = work || retry;
#endif
			work = work || handover;
			retry = false;
			handover = false
		}
#ifdef M_NO_LOOK
		break
#else
		/* The lock is free before we look: pairs with the word's store. */
#ifndef M_LOOK_BARRIER
		MB;
#endif
		if
		:: LOAD_again
		:: else -> break
		fi
#endif
	od;
	atomic { turns = 0; got = false }
}

#define LOCALS	bool got, more, handover, reaped, retry, added, kick, early; byte turns, n, mine

proctype submitter(byte me; bool may_reap)
{
	LOCALS;

	/* virtblk_queue_rq(); llist_add() is a cmpxchg(), a full barrier. */
end:	atomic { !quiesced -> ENTER; submitting++; staged = staged | 1 << me;
#ifdef SERIES
		entered = entered | 1 << me
#endif
	}
	serve();
	atomic { submitting--; LEAVE }
}

/* virtblk_work(), of kblockd: never beside itself. */
proctype worker(byte me; bool may_reap)
{
	LOCALS;

end:	do
	:: atomic { work -> work = false; assert(!freed); working = true; ENTER };
		serve();
		atomic { working = false; LEAVE }
	od
}

/*
 * virtblk_poll(): at any time, and again if there is something to find. Nobody
 * relies on it to get a request to the device.
 */
proctype poller(byte me; bool may_reap)
{
	LOCALS;
	byte polls = POLLS;

end:	do
	:: atomic { polls -> polls--; ENTER }; serve(); LEAVE
#ifndef STALLED
	:: atomic {
			timeout && used && !stopped ->
			assert(!staged && !ring && (in_ring || !backlog));
			ENTER
		}
		serve();
		LEAVE
#endif
	od
}

/*
 * virtblk_done(). Without the right to interrupts there is nothing to do: who
 * has it looks at the ring once more. RAISED if that look may be over. We saw
 * the used buffer, then cb: if the reap is still to come, it sees it too.
 */
inline virtblk_done()
{
#ifdef SERIES
	b_reap[me] = 2;
	ENTER;
	serve();
	LEAVE
#else
	do
	:: atomic {
			if
#ifdef M_HANDLER_BARRIER
			:: early_cb != seen -> swapped = false
#endif
			:: cb == seen && seen == ARMED -> cb = HELD; swapped = true
			:: cb == seen && seen != ARMED -> cb = RAISED; swapped = true
			:: cb != seen -> swapped = false
			fi
		}
		if
		:: swapped -> break
		:: else
		fi;
#ifdef M_HANDLER_BARRIER	/* a CPU may have loaded it before the interrupt */
		if
		:: seen = cb
		:: seen = early_cb
		fi;
#else
		seen = cb;
#endif
#ifdef M_NO_RAISED
		if
		:: seen != ARMED -> break
		:: else
		fi
#else
		if
		:: seen == WANTED || seen == RAISED -> break
		:: else
		fi
#endif
	od;
	if
	:: swapped && seen == ARMED ->
		atomic { want_reap(); ENTER };
		serve();
		LEAVE
	:: else
	fi;
	atomic { seen = ARMED; swapped = false }
#endif
}

#define DONE_LOCALS	bool swapped; byte seen = ARMED, early_cb = ARMED

proctype handler(byte me; bool may_reap)
{
	LOCALS;
	DONE_LOCALS;

end:	do
#ifdef M_HANDLER_BARRIER
	:: early_cb != cb -> early_cb = cb
#endif
	/* Later ones: MSI-X frees them before the ring, INTx and MMIO have none. */
	:: atomic { irq && !reset -> irq = false; handling = true };
		if
		:: used -> virtblk_done()	/* vring_interrupt() */
		:: else
		fi;
		handling = false
	od
}

#ifdef LATE
/* virtblk_is_late() */
proctype late(byte me; bool may_reap)
{
	LOCALS;
	DONE_LOCALS;

	virtblk_done()
}
#endif

/* Its barriers are its own business: what it does, it does in order. */
proctype device()
{
#ifdef BUSY
#define MAY_USE		busy
#define IN_DEVICE	busy
#else
#define MAY_USE		(awake && ring)
#define IN_DEVICE	ring
#endif
end:	do
#ifdef BUSY
	:: atomic { awake && ring && !reset -> busy = busy | ring; ring = 0 }
#endif
	:: atomic {
			MAY_USE && !reset ->
			used = used | (IN_DEVICE & ~(IN_DEVICE - 1));
			IN_DEVICE = IN_DEVICE & (IN_DEVICE - 1)
		}
#ifdef EVENT
		atomic { irq = irq || (cb_on && used); cb_on = cb_on && !used }
#else
		irq = irq || cb_on
#endif
	:: atomic { awake && !ring && !reset -> want_kick = true };
		if
		:: ring -> want_kick = false
		:: else -> awake = false
		fi
	:: atomic { kicked && !reset -> kicked = false; want_kick = false; awake = true }
	od
}

#ifdef M_RELEASE		/* smp_store_release() of WANTED */
#define AFTER_DISABLE(c)	true
#else
#define AFTER_DISABLE(c)	(b_cb[c] != WANTED || !b_cb_on[c])
#endif

/* What was stored with the lock held. */
#define BEFORE_UNLOCK(c)	(b_ring[c] || b_notify[c] || b_again[c] == 1 || b_cb[c] == HELD || \
				 b_cb_on[c] == 2 || REAP_STORED(c))

#ifdef SERIES
#define DRAIN_REAP(c)	:: d_step { b_reap[c] -> reap_wanted = b_reap[c] - 1; b_reap[c] = 0 }
#else
#define DRAIN_REAP(c)
#endif

#define DRAIN(c) \
	DRAIN_REAP(c) \
	:: d_step { b_again[c] -> again = b_again[c] - 1; b_again[c] = 0 } \
	:: d_step { b_notify[c] -> notify = true; b_notify[c] = false } \
	:: d_step { b_ring[c] -> ring = ring | b_ring[c]; b_ring[c] = 0 } \
	:: d_step { b_cb_on[c] -> cb_on = b_cb_on[c] - 1; b_cb_on[c] = 0 } \
	:: d_step { b_cb[c] && AFTER_DISABLE(c) -> cb = b_cb[c]; b_cb[c] = 0 } \
	:: d_step { b_unlock[c] && !BEFORE_UNLOCK(c) -> locked = false; b_unlock[c] = false }

proctype memory()
{
end:	do
	DRAIN(0)
#if CPUS > 1
	DRAIN(1)
#endif
#if CPUS > 2
	DRAIN(2)
#endif
#if CPUS > 3
	DRAIN(3)
#endif
#if CPUS > 4
	DRAIN(4)
#endif
	od
}

#ifdef STOP
inline stop_vq()
{
#ifdef M_STOP_UNLOCKED
	closed = true;
#else
	/* The only one who ever waits for the lock. */
	atomic { !locked -> locked = true };
	d_step { closed = true; locked = false };
#endif
	atomic { !working -> work = false }
}

/* Who runs virtblk_del_vqs() and virtblk_take_all_back() */
proctype stopper()
{
#ifdef SERIES
	/* blk_mq_freeze_queue() */
	quiesced = true;
	done == (entered | FIRST);
#ifndef M_NO_QUIESCE		/* blk_mq_wait_quiesce_done() */
	submitting == 0;
#endif
	reset = true;
	!handling;		/* virtio_reset_device() */
#ifndef M_NO_CANCEL
	atomic { !working -> work = false };
#endif
	freed = true;
	taken_back = ALL & ~done
#else
	byte grace;

	quiesced = true;
	submitting == 0;
	stop_vq();
	stopped = true;
	reset = true;
#ifndef M_NO_SYNC_CBS
	!handling;
#endif
#ifndef M_NO_SYNC_RCU
	grace = inside;
	do
	:: grace & ~inside -> grace = grace & inside
	:: else ->
		if
		:: !grace -> break
		:: grace & ~inside
		fi
	od;
#endif
	gone = true;
#ifndef M_NO_SECOND_STOP
	stop_vq();
#endif
	freed = true;
	/* What nobody has completed; nobody is just about to, either. */
	assert(!owned);
	taken_back = ALL & ~done
#endif
}
#endif

#ifdef STALLED
/* A vCPU that the host does not run any more. */
proctype stalled()
{
	d_step { !locked -> locked = true }
}
#endif

/* When nothing moves any more. */
proctype judge()
{
	#ifdef STALLED
	timeout;
#else
	timeout && !(POLLERS && used && !stopped);
#endif
	assert(!inside);		/* nobody waits for anybody */
#if defined(STOP)
	assert((done | taken_back) == ALL);
#elif !defined(STALLED)
	assert(done == ALL);		/* nothing is lost or stuck */
	assert(!notify && !locked && (POLLERS || cb == ARMED));
#ifdef SERIES
	assert(!reap_wanted);
#ifndef EVENT
	assert(POLLERS || cb_on)
#endif
#endif
#endif
}

init
{
	atomic {
#ifdef STALLED
		run stalled();
#endif
#if SUBMITTERS > 0
#ifdef ENDING
		run submitter(0, false);
#else
		run submitter(0, !POLLERS);
#endif
#endif
#if SUBMITTERS > 1
		run submitter(1, !POLLERS);
#endif
#if SUBMITTERS > 2
		run submitter(2, !POLLERS);
#endif
		run worker(WORKER, !POLLERS);
#if POLLERS > 0
		run poller(POLLER0, true);
#endif
#if POLLERS > 1
		run poller(POLLER1, true);
#endif
#if !POLLERS
		run handler(HANDLER, true);
#endif
#ifdef LATE
		run late(CALLER, true);
#endif
		run device();
		run memory();
#ifdef STOP
		run stopper();
#endif
		run judge()
	}
}
