/* Updates and commits of two slots by a producer that may die after any store, its successors, and a reader of Gets and Snapshots.
 * Every successor is a new session in the record of the one before: it repairs the slots (T), takes the record (S2 to S5) with a new
 * number and the commit word going on, and may die at that, too. All steps are those of FORMAT.md and of update.go, commit.go,
 * takeover.go and session.go (begin); R is in slot.inc.
 *
 * Checked: no torn value; only what was published or committed is served; a Snapshot has both slots from exactly the commit that it
 * is limited to; a reader never goes back; a healthy slot is never called damaged; a buffer that is published or pending is not
 * written.
 *
 *   OPS updates, CRASHES deaths, READS reads; -DEMPTY: nothing was published since Add, versions go on from the floor of the slot that
 *   had the entry before; -DPINS: the published buffer of slot 0 was made durable by a Sync; -DPINNING: the first producer is at its
 *   Sync of both slots, which others do not know of; -DONLY_COMMITS: no updates of one slot
 *
 * Must fail: COMMIT_LATE (C4 after C5)  NO_MARK (no C3)  VERSION_AGAIN (the dead one's version is used again)  NO_PENDING_RECHECK
 * NO_SEQ_RECHECK  PINNING NO_T3 (else the ring comes to the dead one's buffer first)  MARK_WITHOUT_SEQ with MARK_ONCE (a mark is called
 * damaged without a second look at the sequence)  MARK_ONCE (after one second look: a sequence that T3 takes back has been seen before,
 * and a publish word, too, so CRASHES=2). No C2 fails in session.pml. */
#ifndef OPS
#define OPS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef READS
#define READS 2
#endif
#define S 2
#define NREC 1
#define MAYDIE if :: skip :: crashes < CRASHES -> crashes++; goto start fi
#define LOADNEXT d_step { nx = next; low = cw[0] }  /* low: what had been committed before the Snapshot began */
byte crashes;
#include "slot.inc"

proctype Writer() {
  byte t, b, q, b0, b1, v0, v1, c, n, ops; bool in;
  n = num[0]; attach(0); attach(1);
  goto work;
start: /* a session starts, under the structure lock, which its death gives back */
  skip; d_step { t = 0; b = 0; q = 0; in = 0; b0 = 0; b1 = 0; v0 = 0; v1 = 0; c = 0; n = 0; pinning[0] = 0; pinning[1] = 0 };
  repair(0); repair(1);                                      /* S1 */
  num[0] = 0; MAYDIE;                                        /* S2; S3: the highest commit word is this record's own */
  n = next; num[0] = n; MAYDIE;                              /* S4 */
  next = n + 1; MAYDIE;                                      /* S5 */
  attach(0); attach(1);
work:
  do
  :: ops < OPS ->
     d_step { ops++; stamp++ };
     if
     :: /* commit of both */
        c = cw[0] + 1;
        choose(0, b0, v0); fill(0, b0, v0, n, 0, c, stamp);  /* C1 */
        if
        :: choose(1, b1, v1); fill(1, b1, v1, n, 0, c, stamp)
        :: /* the second cannot be encoded, or finds no room */
           seq[B(0,b0)] = 2*v0 - 1; MAYDIE;                  /* C2 */
           goto done
        fi;
#ifndef NO_MARK
        pp[0] = b0; MAYDIE; pp[1] = b1; MAYDIE;              /* C3 */
#endif
#ifdef COMMIT_LATE
        d_step { shown[stamp] = 1; publish(0, b0, v0) }; MAYDIE; publish(1, b1, v1); MAYDIE;
        cw[0] = c; MAYDIE
#else
        d_step { cw[0] = c; shown[stamp] = 1 }; MAYDIE;      /* C4 */
        publish(0, b0, v0); MAYDIE; publish(1, b1, v1); MAYDIE     /* C5 */
#endif
#ifndef ONLY_COMMITS
     :: /* update of slot 0 or 1 alone */
        choose(0, b0, v0); fill(0, b0, v0, n, 0, cw[0], stamp);
        d_step { shown[stamp] = 1; publish(0, b0, v0) }; MAYDIE /* W5 */
     :: choose(1, b0, v0); fill(1, b0, v0, n, 0, cw[0], stamp);
        d_step { shown[stamp] = 1; publish(1, b0, v0) }; MAYDIE
#endif
     fi;
done: skip; d_step { b0 = 0; b1 = 0; v0 = 0; v1 = 0; c = 0 }
  :: else -> break
  od
}

proctype Reader() {
  byte v, i, p, q, x, y, z, r, cand, want, j, k, nx, reads, tries, c0, low;
  byte last[S]; byte vn[NREC]; byte vw[NREC]; bool in, pending, bad;
  do
  :: reads < READS ->
     reads++; tries = 0;
     if
     :: readslot(0, 0)
     :: readslot(1, 0)
     :: skip;
again:  skip; loadlimit();
        readslot(0, 1); c0 = x; if :: want == 0 -> c0 = 0 :: else -> skip fi;
        readslot(1, 1); if :: want == 0 -> x = 0 :: else -> skip fi;
        assert(c0 == x && x >= low && (vn[0] == 0 || x <= vw[0]))   /* both from one commit, and none too old */
     fi;
     goto next1;
retry: /* a Get that tries again is as good as the next read */
     tries++; if :: tries < 2 && k + nx + vn[0] > 0 -> goto again :: else -> skip fi;
next1: skip; d_step { v = 0; i = 0; p = 0; q = 0; x = 0; y = 0; z = 0; r = 0; cand = 0; want = 0; j = 0; k = 0; nx = 0; c0 = 0; low = 0; tries = 0; in = 0; pending = 0; bad = 0; vn[0] = 0; vw[0] = 0 }
  :: else -> break
  od
}

init {
  d_step {
    num[0] = 1; next = 2; shown[0] = 1;
#ifdef EMPTY
    floor[0] = 2; floor[1] = 2;
#else
#ifdef PINNING
    pi[0] = K - 1; pi[1] = K - 1; pp[0] = K - 1; pp[1] = K - 1; pinning[0] = 1; pinning[1] = 1;
#endif
    pv[0] = 1; pv[1] = 1; seq[B(0,pi[0])] = 2; seq[B(1,pi[1])] = 2; ses[B(0,pi[0])] = 1; ses[B(1,pi[1])] = 1;
#endif
#ifdef PINS
    pin[0] = 1;
#endif
  }
  atomic { run Writer(); run Reader() }
}
