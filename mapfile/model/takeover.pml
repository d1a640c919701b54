/* Sessions, their records and take-over. A owns two slots and commits both together until it dies after any store. B, a new session in
 * a free record or in the dead one's (-DOLDER: a live session with a smaller number), takes them over one by one and commits both. C is
 * a new session that publishes nothing but may get any record that is not held: A's before or after B has taken over. A reader Gets
 * one slot, then takes a Snapshot. Steps S, T, C of session.go (takeRecord, begin), takeover.go, add.go (takeOver), R in slot.inc.
 *
 * Checked: both slots of a Snapshot from one commit; only what is committed; a reader never goes back; a healthy slot is never called
 * damaged; nobody repairs the slot of a live session, and no slot has two live owners.
 *
 *   NA, NB commits of A and B; -DS4DEATH: record 2 has a session that died between S4 and S5
 *
 * Must fail: REUSE_EARLY (S2 to S5 before the repair)  NEXT_FIRST (S5 before S4)  LAZY (a Snapshot loads a record when it meets a
 * buffer of it)  BY_NUMBER with OLDER (a smaller number is taken for an ended session)  NUMBER_AGAIN with S4DEATH (S4 takes the next
 * number though a record bears it)  UNLOCK_FIRST (a session ends before its last commit is published: the lock is given up first) */
#ifndef NA
#define NA 2
#endif
#ifndef NB
#define NB 1
#endif
#define S 2
#define NREC 3
#define MAYDIE if :: skip :: mortal -> goto dead fi
#include "slot.inc"
bool alive[NREC];                       /* the lock of the record's byte is held */
byte owner[S]; byte orec[S];            /* owner word: number, record (ended tells people only how) */
bool structure;                         /* the structure lock */

#define LOCK atomic { !structure -> structure = 1 }
#define UNLOCK structure = 0

inline commitboth() {
  d_step { stamp++; g = stamp; c = cw[me] + 1 };
  choose(0, b0, v0); fill(0, b0, v0, n, me, c, g);           /* C1 */
  choose(1, b1, v1); fill(1, b1, v1, n, me, c, g);
  pp[0] = b0; MAYDIE; pp[1] = b1; MAYDIE;                    /* C3 */
  d_step { cw[me] = c; shown[g] = 1 }; MAYDIE;               /* C4 */
#ifdef UNLOCK_FIRST
  if :: mortal -> alive[me] = 0 :: else -> skip fi;
#endif
  publish(0, b0, v0); MAYDIE; publish(1, b1, v1); MAYDIE;    /* C5 */
  d_step { b0 = 0; b1 = 0; v0 = 0; v1 = 0; c = 0; g = 0 }
}

inline repairsession() { /* everything that the session of record `me` left */
  s = 0;
  do
  :: s < S && num[me] != 0 && owner[s] == num[me] -> assert(!alive[orec[s]]); repair(s); s++
  :: s < S && !(num[me] != 0 && owner[s] == num[me]) -> s++
  :: s >= S -> break
  od; s = 0
}
inline number() { d_step { n = next;
#ifndef NUMBER_AGAIN
    k = 0; do :: k < NREC -> if :: num[k] >= n -> n = num[k] + 1 :: else -> skip fi; k++ :: else -> break od;
#endif
    k = 0 } }
inline highest() { d_step { c = 0; k = 0; do :: k < NREC -> if :: cw[k] > c -> c = cw[k] :: else -> skip fi; k++ :: else -> break od; k = 0 } }

inline start(any) { /* S, under the structure lock; record 1 is for B */
  LOCK;
  if :: !alive[0] -> me = 0 :: any && !alive[1] -> me = 1 :: !alive[2] -> me = 2 :: else -> UNLOCK; goto dead fi;
#ifndef REUSE_EARLY
  repairsession();                                           /* S1 */
  num[me] = 0;                                               /* S2 */
#else
  n = num[me];
#endif
  alive[me] = 1;
  highest(); cw[me] = c; c = 0;                              /* S3 */
#ifdef REUSE_EARLY
  k = n; number(); num[me] = n; next = n + 1;
  num[me] = n; s = 0;
  do :: s < S && k != 0 && owner[s] == k -> repair(s); s++ :: s < S && !(k != 0 && owner[s] == k) -> s++ :: s >= S -> break od; s = 0; k = 0;
#elif defined(NEXT_FIRST)
  number(); next = n + 1; num[me] = n;
#else
  number(); num[me] = n; next = n + 1;                       /* S4, S5 */
#endif
  UNLOCK
}

/* add.go: takeOver of slot i, once its owner is gone */
inline takeover(i) {
  do
  :: LOCK;
     if
     :: num[orec[i]] == owner[i] && alive[orec[i]] -> UNLOCK; !alive[orec[i]] || num[orec[i]] != owner[i]
     :: else -> break
     fi
  od;
  repair(i); d_step { owner[i] = n; orec[i] = me }; attach(i);
  UNLOCK
}

proctype A() {
  byte t, b, q, b0, b1, v0, v1, c, g, n, k, me, ops; bool in, mortal;
  d_step { mortal = 1; n = num[0] }; attach(0); attach(1);
  do :: ops < NA -> ops++; commitboth() :: else -> break od;
dead: alive[0] = 0
}

proctype Succ() {
  byte t, b, q, b0, b1, v0, v1, c, g, n, k, s, me, ops; bool in, mortal;
#ifdef OLDER
  me = 1; n = num[1];
#else
  start(1);
#endif
  takeover(0); takeover(1);
  do :: ops < NB -> ops++; assert(owner[0] == n && owner[1] == n); commitboth() :: else -> break od;
dead: skip
}

proctype Third() {
  byte t, b, q, c, n, k, s, me; bool in, mortal;
  start(0);
dead: skip
}

proctype Reader() {
  byte v, i, p, q, x, y, z, r, cand, want, j, k, nx, tries, z0;
  byte last[S]; byte vn[NREC]; byte vw[NREC]; bool in, pending, bad;
  if :: readslot(0, 0) :: readslot(1, 0) :: skip fi;
again: skip; z0 = 0;
  loadlimit();
  readslot(0, 1); z0 = z;
  readslot(1, 1); assert(z == z0);
  goto end;
retry: tries++; if :: tries < 3 -> goto again :: else -> skip fi;
end: skip
}

init {
  d_step {
    shown[0] = 1; alive[0] = 1;
#ifdef OLDER
    num[1] = 1; alive[1] = 1; num[0] = 2; next = 3;
#else
    num[0] = 1; next = 2;
#endif
#ifdef S4DEATH
    num[2] = next;
#else
    alive[2] = 1;                       /* not to be had */
#endif
    pv[0] = 1; pv[1] = 1; seq[B(0,0)] = 2; seq[B(1,0)] = 2; owner[0] = num[0]; owner[1] = num[0];
    ses[B(0,0)] = num[0]; ses[B(1,0)] = num[0]
  }
  atomic { run A(); run Succ(); run Reader();
#ifndef NO_C
    run Third()
#endif
  }
}
