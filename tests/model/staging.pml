/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The protocol of virtio_blk/queue.c: stage, try the lock, mark what was
 * missed, try again, take the marks, look after the unlock; the softirq, the
 * work, the retry timer, and the closing of a queue. Names are the driver's, and labels
 * such as (LOOK:A) are those of its barriers. run.py has the configurations;
 * each -DM_... takes away one barrier, look or rule, and must be caught.
 *
 * Memory is weak: a store goes to its CPU's buffer, and so does an atomic
 * operation that returns no value. memory() takes them from there at any time,
 * variables in any order. Only these order anything:
 *
 *	MB		smp_mb(), and what implies it: an RMW that returns a
 *			value and did not fail. Waits for the buffer to be empty,
 *			in one step with what follows: nobody else fills it again.
 *	the unlock	leaves the buffer last
 *
 * Loads take effect in program order, but where a mutant says otherwise.
 */
#ifndef SUBMITTERS
#define SUBMITTERS	0	/* each stages a request, and runs the queue */
#endif
#ifndef INFLIGHT
#define INFLIGHT	0	/* requests that the device has at first */
#endif
#ifndef POLLERS
#define POLLERS		0	/* of a poll queue: no interrupts */
#endif
#ifndef POLLS
#define POLLS		1	/* of each, unasked */
#endif
#ifndef SLOTS
#define SLOTS		8	/* of the ring, one a request */
#endif
#ifndef FAILS
#define FAILS		0	/* virtqueue_add_sgs() says -ENOMEM so often */
#endif
#ifndef LOOKS
#define LOOKS		0	/* of virtblk_look(), at any time */
#endif
#ifndef MAX_RESTARTS
#define MAX_RESTARTS	1
#endif
/*
 * EVENT	VIRTIO_RING_F_EVENT_IDX: a notification or interrupt, once sent,
 *		is not repeated until it is asked for again
 * AWAKE	the device looks at the ring by itself: nobody notifies it
 * IDLE		the device has used what it had, and takes its time with the rest
 * TASK		the callback comes from a task, and the lock is waited for
 * MIXED		the callback comes from a task or in a hard interrupt
 * RT		PREEMPT_RT: TASK, and who finds others about to notify the device does
 *		so too
 * STALLED	somebody has the lock and never goes on
 * STOP		virtblk_del_vqs() and virtblk_cancel_rq(), at any time
 */

#define ALL		((1 << (SUBMITTERS + INFLIGHT)) - 1)
#define FIRST		(ALL & ~((1 << SUBMITTERS) - 1))

#define IRQ		(!POLLERS)

/* CPUs. A handler has its own: in a guest it may run beside anybody. */
#define SOFTIRQ		SUBMITTERS
#define HANDLER		(SOFTIRQ + 1)
#define POLLER0		(SOFTIRQ + 1)
#define POLLER1		(SOFTIRQ + 2)
#define WORKER		(SOFTIRQ + 2)
#define CPUS		(SUBMITTERS + 3)

/* enum virtblk_queue_state */
#define ADD		1
#define REAP		2
#define WORK		(ADD | REAP)
#define SCHED		4
#define FULL		8

/* struct virtblk_queue; requests are bits. */
byte state;
bool locked, closed;		/* closed: !open */
#if defined(TASK) || defined(RT)
#define waits		true
#elif defined(MIXED)
bool waits;
#else
#define NEVER_WAITS
#define waits		false
#endif
#ifdef RT
byte notifying;
#endif
byte staged, backlog;
byte in_ring = INFLIGHT;

/* The virtqueue: available, used; what each side wants to hear. */
#ifdef IDLE
byte ring, used = FIRST;
bool irq = INFLIGHT > 0;
#else
byte ring = FIRST, used;
bool irq;
#endif
bool cb_on = IRQ, want_kick, kicked;
bool awake = true;

bool tasklet, timer, work;
byte started = FIRST, done, fails = FAILS;

/*
 * The store buffers: bits to clear and to set in the state, requests for the
 * ring, interrupts off (1) or on (2), the unlock.
 */
byte b_clear[CPUS], b_set[CPUS], b_ring[CPUS], b_cb_on[CPUS];
bool b_unlock[CPUS];
#ifdef M_MISSED_WORK
byte b_staged[CPUS];
#endif

#define LOCKED_STORES(c)	(b_clear[c] || b_set[c] || b_ring[c] || b_cb_on[c])
#define MB		(!LOCKED_STORES(me) && !b_unlock[me])

/* A CPU sees its own stores. */
#define LOAD_state	(state & ~b_clear[me] | b_set[me])

/* When a queue is closed. */
bool quiesced, gone;
byte inside;			/* RCU readers, and who has bottom halves off */
byte submitting, owned, cancelled;
bool handling, softirqs, working, ticking, owner;

/* Without a stop nobody looks at these: they would only make more states. */
#ifdef STOP
#define ENTER		inside = inside | 1 << me
#define LEAVE		inside = inside & ~(1 << me)
#define STOP_SEES(store)	store
#else
#define ENTER		skip
#define LEAVE		skip
#define STOP_SEES(store)	skip
#endif

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

/* virtblk_schedule_softirq() */
inline schedule_softirq(bits)
{
	d_step {
		assert(!gone);
		if
		:: state & SCHED
		:: else ->
			assert(!tasklet);
			tasklet = true
		fi;
		state = state | SCHED | bits
	}
}

/* virtblk_schedule_run(); who has a store buffer empties it before. */
#ifdef NEVER_WAITS
#define schedule_run(bits)	schedule_softirq(bits)
#else
inline schedule_run(bits)
{
	if
	:: atomic {
			waits ->
			assert(!gone);
#ifndef M_NO_WORK
			work = work || (bits) & ADD
#endif
		}
		if
		:: (bits) & REAP -> schedule_softirq(bits)
		:: else
		fi
	:: atomic { !waits -> schedule_softirq(bits) }
	fi
}
#endif

inline get_bufs()
{
	d_step {
		assert(!gone);
		mine = mine | used;
		STOP_SEES(owned = owned | used);
		n = used;
		used = 0;
		do
		:: n -> n = n & (n - 1); in_ring--
		:: else -> break
		od
	}
}

/* virtblk_reap() */
inline reap()
{
#if POLLERS
	get_bufs()
#else
	do
	:: true ->
#ifndef EVENT			/* there it only stops asking again */
		b_cb_on[me] = 1;
#endif
		get_bufs();
		/*
		 * virtqueue_enable_cb(): interrupts on, then look: either we see
		 * what the device has used, or it sees that we want to hear of it.
		 */
		b_cb_on[me] = 2;
#ifdef M_NO_ENABLE_LOOK
		break
#else
		if
#ifdef M_ENABLE_BARRIER		/* virtio_mb() in virtqueue_poll() */
		:: used
		:: !used -> break
#else
		:: MB && used
		:: MB && !used -> break
#endif
		fi
#endif
	od
#endif
}

#ifdef M_KICK_BARRIER
#define RING		b_ring[me]
#else
#define RING		ring		/* kick_prepare's barrier follows at once */
#endif

/* virtblk_add_backlog(), which takes what is staged once the backlog is in the ring */
inline add()
{
	/* llist_del_all() is an xchg(). */
	atomic {
		!staged || MB ->
		assert(!gone || !(staged || backlog));
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
		if
		:: backlog && !(LOAD_state & FULL) -> b_set[me] = FULL
#ifndef M_NO_FULL_CLEAR
		:: !backlog && (LOAD_state & FULL) -> b_clear[me] = b_clear[me] | FULL
#endif
		:: else
		fi;
		retry = backlog && !in_ring
	}
	if
	:: added ->
		added = false;
		d_step {
#ifdef M_KICK_BARRIER		/* virtio_mb() in virtqueue_kick_prepare() */
			true ->
#else
			MB ->
#endif
#ifdef EVENT
			kick = want_kick && ring;
			want_kick = want_kick && !kick
#else
			kick = want_kick
#endif
		}
	:: else
	fi
}

/* virtblk_run_locked() */
inline run_locked()
{
	if
	:: may & REAP -> reap()
	:: else
	fi;
	if
	:: may & ADD -> add()
#ifndef M_NO_ADD_AFTER_REAP
	/* There is room now. */
	:: !(may & ADD) && backlog -> b_set[me] = ADD
	:: !(may & ADD) && !backlog
#else
	:: else
#endif
	fi
}

inline notify()
{
	if
#ifdef RT
	:: kick -> d_step { assert(!gone); kicked = true };
		d_step { notifying--; kick = false }
	:: !kick && may & ADD && notifying -> d_step { assert(!gone); kicked = true }
#else
	:: kick -> d_step { assert(!gone); kicked = true; kick = false }
#endif
	:: else
	fi
}

#ifdef M_WAIT
#define WAITS		true
#else
#define WAITS		waits
#endif

/* virtblk_run_once() */
inline run_once()
{
	if
#if !defined(NEVER_WAITS) || defined(M_WAIT)	/* spin_lock_irqsave() */
	:: d_step { WAITS && !locked && !b_unlock[me] -> locked = true; owner = true; got = true }
#endif
	:: atomic { !WAITS -> try_lock() };
		if
		:: !got && may != WORK ->
			/* (MISSED:A) the bit before the second try; what was set already. */
#ifdef M_MISSED_TRY
			early = locked;
#endif
#ifdef M_MISSED_WORK		/* and llist_add() no better */
			d_step { !b_unlock[me] -> left = state & may; state = state | may };
#else
			d_step { MB -> left = state & may; state = state | may };
#endif
#ifndef M_NO_SECOND_TRY
			if
#ifdef M_MISSED_TRY
			:: !left && early
			:: !left && !early -> try_lock()
#else
			:: !left -> try_lock()
#endif
			:: else
			fi;
#endif
			left = 0
		:: else
		fi
	fi;
#ifdef STOP
#ifndef M_NO_OPEN
	if
	:: got && closed -> d_step { b_unlock[me] = true; owner = false; got = false }
	:: else
	fi;
#endif
#endif
	if
	:: got ->
#ifndef M_TAKE_LATE
		/* (TAKE:A) the bits before the work they stand for. */
		atomic {
			if
			:: LOAD_state & may ->
				b_clear[me] = LOAD_state & may;
#ifndef M_TAKE_BARRIER
				MB
#endif
			:: else
			fi
		};
#endif
		run_locked();
#ifdef M_TAKE_LATE
		atomic {
			if
			:: LOAD_state & may -> b_clear[me] = LOAD_state & may; MB
			:: else
			fi
		};
#endif
#ifdef RT
		notifying = notifying + kick;
#endif
		d_step { b_unlock[me] = true; owner = false };
		notify()
	:: else
	fi
}

/* Interrupt handler and softirq after a run; a poller marks them completed. */
inline complete()
{
	assert(!(done & mine) && !(cancelled & mine));
	done = done | mine;
	STOP_SEES(owned = owned & ~mine);
	mine = 0
}

/* virtblk_run_queue(), and virtblk_complete() of what it returns */
inline run_queue()
{
	do
	:: true ->
		run_once();
		if
		:: got
		:: else -> break
		fi;
#ifdef M_NO_LOOK
		break
#else
		/* (LOOK:A) the unlock before the look. */
#ifdef M_LOOK_BARRIER
		left = LOAD_state & WORK;
#else
		d_step { MB -> left = LOAD_state & WORK };
#endif
		if
		:: !left -> break
		:: left & ~may || left && restarts == MAX_RESTARTS ->
#ifdef M_LOOK_BARRIER
			MB;
#endif
#ifdef M_NO_HAND_OVER
			if
			:: left & ~may
			:: else -> schedule_run(left)
			fi;
#elif defined(M_NO_RESTART_LIMIT_RUN)
			if
			:: left & ~may -> schedule_run(left)
			:: else
			fi;
#else
			schedule_run(left);
#endif
			break
		:: else -> restarts++
		fi
#endif
	od;
	/* One step: a stop between them would find us as much at fault as one before. */
	atomic {
		restarts = 0; got = false; left = 0;
		if
		:: retry ->
#ifndef M_NO_RETRY
			assert(!gone);
			timer = true;	/* mod_timer() */
#endif
			retry = false
		:: else
		fi;
		if
		:: mine -> complete()
		:: else
		fi
	}
}

#define LOCALS	bool got, retry, added, kick, early; byte restarts, n, mine, left

proctype submitter(byte me; byte may)
{
	LOCALS;

	/*
	 * virtblk_queue_rq(): blk-mq tries again what is not accepted. llist_add()
	 * is a cmpxchg(), a full barrier.
	 */
end:	atomic {
		!quiesced && !(state & FULL) ->
		STOP_SEES(submitting++);
		started = started | 1 << me;
#ifndef RT
		ENTER;
#endif
#ifdef M_MISSED_WORK
		b_staged[me] = 1 << me
#else
		staged = staged | 1 << me
#endif
	}
	run_queue();
	atomic {
		STOP_SEES(submitting--);
#ifndef RT
		LEAVE
#endif
	}
}

#if POLLERS
#define SOFTIRQ_MAY	ADD
#else
#define SOFTIRQ_MAY	(waits -> REAP : WORK)
#endif

/* virtblk_softirq(), a tasklet: never beside itself. */
proctype softirq(byte me)
{
	LOCALS;
	byte may;

end:	do
	:: atomic {
			tasklet ->
			tasklet = false;
			assert(!gone);
			STOP_SEES(softirqs = true);
			ENTER;
			may = SOFTIRQ_MAY
		}
		run_queue();
		/* (SCHED:A) SCHED goes before the last try, and shows all set before. */
#ifdef M_SCHED_TRY
		early = locked;
#endif
#ifdef M_SCHED_READ
		left = LOAD_state & WORK;
		d_step { MB -> state = state & ~SCHED };
#else
		d_step { MB -> left = state & WORK; state = state & ~SCHED };
#endif
#ifndef M_NO_LAST_TRY
		if
#ifdef M_SCHED_TRY
		:: left && early -> left = 0; early = false
		:: left && !early -> left = 0; run_queue()
#else
		:: left -> left = 0; run_queue()
#endif
		:: else
		fi;
#endif
		atomic { left = 0; may = 0; STOP_SEES(softirqs = false); LEAVE }
	od
}

#ifndef NEVER_WAITS
/* virtblk_work(), of kblockd: never beside itself. */
proctype worker(byte me; byte may)
{
	LOCALS;

end:	do
	:: atomic { work -> work = false; assert(!gone); STOP_SEES(working = true); ENTER };
		run_queue();
		atomic { STOP_SEES(working = false); LEAVE }
	od
}
#endif

/* virtblk_retry() */
proctype retry_timer()
{
end:	do
	:: atomic { timer -> timer = false; assert(!gone); STOP_SEES(ticking = true) };
		schedule_run(ADD);
		STOP_SEES(ticking = false)
	od
}

#if LOOKS > 0
/* virtblk_look(): state_mutex keeps it apart from a stop. */
proctype look()
{
	byte looks = LOOKS;

end:	do
	:: looks ->
		looks--;
#ifdef M_SCHED_THEN_WORK
		schedule_softirq(0);
		state = state | REAP
#else
		schedule_softirq(REAP)
#endif
	od
}
#endif

/*
 * virtblk_poll(): at any time, and again if there is something to find. Nobody
 * relies on it to get a request to the device.
 */
proctype poller(byte me; byte may)
{
	LOCALS;
	byte polls = POLLS;

end:	do
	:: atomic { polls -> polls--; ENTER }; run_queue(); LEAVE
#ifndef STALLED
	:: atomic {
			timeout && used && !gone && !closed ->
			assert(!staged && !ring && (in_ring || !backlog));
			ENTER
		}
		run_queue();
		LEAVE
#endif
	od
}

/* vring_interrupt() and virtblk_done() */
proctype handler(byte me; byte may)
{
	LOCALS;

end:	do
	/* Later ones: MSI-X frees them before the ring, INTx and MMIO have none. */
	:: atomic { irq && !gone -> irq = false; STOP_SEES(handling = true) };
		if
		:: used ->
#ifdef MIXED
			if
			:: waits = true
			:: waits = false
			fi;
#endif
			run_queue()
		:: else
		fi;
		STOP_SEES(handling = false)
	od
}

/* Its barriers are its own business: what it does, it does in order. */
proctype device()
{
end:	do
	:: atomic {
			awake && ring && !gone ->
			used = used | (ring & ~(ring - 1));
			ring = ring & (ring - 1)
		}
#ifdef EVENT
		atomic { irq = irq || (cb_on && used); cb_on = cb_on && !used }
#else
		irq = irq || cb_on
#endif
#ifndef AWAKE
	:: atomic { awake && !ring && !gone -> want_kick = true };
		if
		:: ring -> want_kick = false
		:: else -> awake = false
		fi
	:: atomic { kicked && !gone -> kicked = false; want_kick = false; awake = true }
#endif
	od
}

#ifdef M_MISSED_WORK
#define DRAIN_STAGED(c)	:: d_step { b_staged[c] -> staged = staged | b_staged[c]; b_staged[c] = 0 }
#else
#define DRAIN_STAGED(c)
#endif

#define DRAIN(c) \
	DRAIN_STAGED(c) \
	:: d_step { b_clear[c] -> state = state & ~b_clear[c]; b_clear[c] = 0 } \
	:: d_step { b_set[c] -> state = state | b_set[c]; b_set[c] = 0 } \
	:: d_step { b_ring[c] -> ring = ring | b_ring[c]; b_ring[c] = 0 } \
	:: d_step { b_cb_on[c] -> cb_on = b_cb_on[c] - 1; b_cb_on[c] = 0 } \
	:: d_step { b_unlock[c] && !LOCKED_STORES(c) -> locked = false; b_unlock[c] = false }

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
inline synchronize_rcu()
{
	grace = inside;
	do
	:: grace & ~inside -> grace = grace & inside
	:: else ->
		if
		:: !grace -> break
		:: grace & ~inside
		fi
	od
}

/* What is scheduled runs first; cancel_work_sync() lets it be. */
inline kill_tasklet()
{
	!tasklet && !softirqs
}

/* virtblk_drain_queue() */
inline drain_queue()
{
#ifdef M_TASKLET_FIRST
	kill_tasklet();
#endif
#ifndef M_NO_TIMER_DELETE	/* timer_delete_sync() */
	atomic { !ticking -> timer = false };
#endif
#if !defined(M_NO_TASKLET_KILL) && !defined(M_TASKLET_FIRST)
	kill_tasklet();
#endif
#ifndef M_NO_CANCEL_WORK	/* cancel_work_sync() */
	atomic { !working -> work = false }
#endif
}

/* Who runs virtblk_del_vqs() and then virtblk_cancel_rq() for each request */
proctype stopper()
{
	byte grace;

	quiesced = true;
	submitting == 0;
	/* virtblk_close_queue(), which waits for the lock. */
#ifdef M_CLOSE_FULL
#define KEPT		~0
#else
#define KEPT		~FULL
#endif
	d_step { !locked -> closed = true; state = state & KEPT };
#ifdef M_DRAIN_FIRST
	drain_queue();
#endif
#ifndef M_NO_SYNC_CBS		/* virtio_synchronize_cbs() */
	!handling;
#endif
#ifndef M_NO_SYNC_RCU
	synchronize_rcu();
#endif
#ifndef M_DRAIN_FIRST
	drain_queue();
#endif
	/* Reset, and the virtqueue is gone, and perhaps the queue. */
	atomic {
		gone = true;
		/* What nobody has completed; nobody is just about to, either. */
		assert(!owned && !tasklet && !timer && !work);
		cancelled = started & ~done
	}
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
	timeout && !(POLLERS && used && !gone && !closed);
#endif
	/* That nobody waits for anybody: an end elsewhere than at an end label is an error. */
#if defined(STOP)
	assert(!inside && !submitting);
	assert(gone && (done | cancelled) == started);
	/* Later requests to a dead device fail, rather than wait for room. */
	assert(!(state & FULL))
#elif !defined(STALLED)
	assert((done | ring) == ALL);	/* nothing is lost or stuck */
	assert(!state && !locked && !staged && !backlog && !used && !timer);
#ifndef IDLE
	assert(!ring && !in_ring)
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
		run submitter(0, ADD);
#endif
#if SUBMITTERS > 1
		run submitter(1, ADD);
#endif
		run softirq(SOFTIRQ);
#ifndef NEVER_WAITS
		run worker(WORKER, ADD);
#endif
#if FAILS > 0
		run retry_timer();
#endif
#if POLLERS > 0
		run poller(POLLER0, WORK);
#endif
#if POLLERS > 1
		run poller(POLLER1, WORK);
#endif
#if !POLLERS
		run handler(HANDLER, REAP);
#endif
#if LOOKS > 0
		run look();
#endif
#ifndef IDLE
		run device();
#endif
		run memory();
#ifdef STOP
		run stopper();
#endif
		run judge()
	}
}
