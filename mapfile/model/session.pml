/* Goroutines of one session: updates of one slot, commits, failed commits, in place and staged, at the same time, and one reader.
 * (Deaths are commit.pml's business.) Slots 0 and 1 are committed together, slot 2 alone; all are updated alone, too.
 *
 * Locks as in slot.go, update.go and commit.go: a mutex for each slot, held from the choice of a buffer to the publish word, by a
 * commit for all its slots in the order of their entries; a mutex for commits, held to the last publish word or to the end of the
 * abort. Staged: the object is encoded, with a ticket, before any mutex is taken; what is overtaken by a newer ticket is dropped. In
 * place: encoded with the mutex held, if it was free.
 *
 * Checked: what R checks; a Snapshot at c has of each slot at least what the commits up to c gave it and nothing that a later one
 * gave it; when an update returns the state that it encoded or a newer one is published; published states never get older.
 *
 *   N1, N2 updates of the two goroutines; -DPINS: a Sync of slot 0 ends meanwhile, so that another buffer is pinned (with K=4, as in sync.go);
 *   -DONLY_COMMITS: no updates of one slot
 *
 * Must fail: NO_SLOT_MUTEX  NO_COMMIT_MUTEX  STALE_NUMBER (the commit number is loaded before the mutex is held)
 * PINS ABORT_KEEPS (no C2; else the ring comes to the filled buffer first)
 * PINS NO_MARK_RECHECK (R3: what is pending and not committed sends the reader to what was published, which it does not look at again)
 * NO_TICKETS (an overtaken encoding is published all the same)  TICKET_LATE (staged: the ticket is taken after the encoding) */
#ifndef N1
#define N1 2
#endif
#ifndef N2
#define N2 1
#endif
#define S 3
#define NREC 1
#define MAYDIE skip
#include "slot.inc"
bool mu[S]; bool cmu;
byte obj[S];             /* the bound objects: how often they were changed */
byte tickets[S];         /* slot.tickets */
byte published[S];       /* slot.published */
byte state[S];           /* ghost: the published state */
byte cver[8*S];          /* ghost: version that commit k gave slot s, at k*S+s */

#ifdef NO_SLOT_MUTEX
#define LOCK(s) skip
#define UNLOCK(s) skip
#else
#define LOCK(s) atomic { !mu[s] -> mu[s] = 1 }
#define UNLOCK(s) mu[s] = 0
#endif
#ifdef NO_COMMIT_MUTEX
#define CLOCK skip
#define CUNLOCK skip
#else
#define CLOCK atomic { !cmu -> cmu = 1 }
#define CUNLOCK cmu = 0
#endif

/* stage: take, encode */
inline stage(s, o, k) {
#ifdef TICKET_LATE
  o = obj[s]; d_step { tickets[s]++; k = tickets[s] }
#else
  d_step { tickets[s]++; k = tickets[s]; o = obj[s] }
#endif
}
#ifdef NO_TICKETS
#define OVERTAKEN(s,k) 0
#else
#define OVERTAKEN(s,k) (k < published[s])
#endif
#define MAX(a,b) (a > b -> a : b)

proctype G(byte n) {
  byte s, t, b, v, b1, v1, c, o, o1, k, k1, g; bool two, inplace, skip0, skip1;
  do
  :: n > 0 ->
     n--;
     if
#ifndef ONLY_COMMITS
     :: atomic { if :: s = 0 :: s = 1 :: s = 2 fi; obj[s]++ };  /* an update of one slot, of a state of its own */
        if
        :: stage(s, o, k);
#ifdef STALE_NUMBER
           c = cw[0]; LOCK(s)
#else
           LOCK(s); c = cw[0]
#endif
        :: atomic { !mu[s] -> mu[s] = 1 }; stage(s, o, k); c = cw[0]
        fi;
        if
        :: OVERTAKEN(s, k) -> skip
        :: else ->
           d_step { stamp++; g = stamp }; choose(s, b, v); fill(s, b, v, 1, 0, c, g);
           d_step { shown[g] = 1; publish(s, b, v); assert(o >= state[s]); state[s] = o; published[s] = MAX(published[s], k) }
        fi;
        assert(state[s] >= o);
        UNLOCK(s)
#endif
     :: atomic { if :: s = 0; two = 1 :: s = 2; two = 0 fi; obj[s]++; if :: two -> obj[1]++ :: else -> skip fi };  /* a commit */
        if
        :: stage(s, o, k); if :: two -> stage(1, o1, k1) :: else -> skip fi;
           CLOCK; LOCK(s); if :: two -> LOCK(1) :: else -> skip fi
        :: atomic { !cmu && !mu[s] && (!two || !mu[1]) -> CLOCK; LOCK(s); if :: two -> LOCK(1) :: else -> skip fi }; /* in place */
           stage(s, o, k); if :: two -> stage(1, o1, k1) :: else -> skip fi
        fi;
        c = cw[0] + 1;
        d_step { skip0 = OVERTAKEN(s, k); skip1 = (!two || OVERTAKEN(1, k1)); stamp++; g = stamp };
        if :: !skip0 -> choose(s, b, v); fill(s, b, v, 1, 0, c, g) :: else -> skip fi;  /* C1 */
        if
        :: !skip1 ->
           if
           :: choose(1, b1, v1); fill(1, b1, v1, 1, 0, c, g)
           :: /* cannot be encoded, or finds no room: C2 */
#ifndef ABORT_KEEPS
              if :: !skip0 -> seq[B(s,b)] = 2*v - 1 :: else -> skip fi;
#endif
              goto out
           fi
        :: else -> skip
        fi;
        if :: !skip0 -> pp[s] = b :: else -> skip fi; if :: !skip1 -> pp[1] = b1 :: else -> skip fi;   /* C3 */
        /* C4 */
        d_step { cw[0] = c; shown[g] = 1; if :: !skip0 -> cver[c*S+s] = v :: else -> skip fi; if :: !skip1 -> cver[c*S+1] = v1 :: else -> skip fi };
        /* C5 */
        if :: !skip0 -> d_step { publish(s, b, v); assert(o >= state[s]); state[s] = o; published[s] = MAX(published[s], k) } :: else -> skip fi;
        if :: !skip1 -> d_step { publish(1, b1, v1); assert(o1 >= state[1]); state[1] = o1; published[1] = MAX(published[1], k1) } :: else -> skip fi;
        assert(state[s] >= o && (!two || state[1] >= o1));
out:    if :: two -> UNLOCK(1) :: else -> skip fi; UNLOCK(s); CUNLOCK
     fi;
     skip; d_step { s = 0; b = 0; v = 0; b1 = 0; v1 = 0; c = 0; o = 0; o1 = 0; k = 0; k1 = 0; g = 0; two = 0; skip0 = 0; skip1 = 0 }
  :: else -> break
  od
}

proctype Sync() { /* the end of sync.go sync */
  LOCK(0); d_step { pin[0] = pinning[0]; pinning[0] = 0 }; UNLOCK(0)
}

#ifndef NO_READER
proctype Reader() {
  byte v, i, p, q, x, y, z, r, cand, want, j, k, nx, tries, s;
  byte last[S]; byte vn[NREC]; byte vw[NREC]; byte got[S]; bool in, pending, bad;
again: skip;
  loadlimit();
  s = 0;
  do :: s < S -> readslot(s, 1); got[s] = want; s++ :: else -> break od;
  skip;
  d_step { s = 0;
    do
    :: s < S -> k = 1;
       do
       :: k < 8 -> if :: cver[k*S+s] == 0 -> skip :: else -> assert(k <= vw[0] -> got[s] >= cver[k*S+s] : got[s] < cver[k*S+s]) fi; k++
       :: else -> break
       od; s++
    :: else -> break
    od; s = 0; k = 0 }
  goto end;
retry: tries++; if :: tries < 2 -> goto again :: else -> skip fi;
end: skip
}
#endif

init {
  d_step { num[0] = 1; next = 2; shown[0] = 1;
    pv[0] = 1; pv[1] = 1; pv[2] = 1; top[0] = 1; top[1] = 1; top[2] = 1;
#ifdef PINS
    pi[0] = K - 1; pp[0] = K - 1; pin[0] = 1; pinning[0] = K;
#endif
    seq[B(0,pi[0])] = 2; seq[B(1,0)] = 2; seq[B(2,0)] = 2; ses[B(0,pi[0])] = 1; ses[B(1,0)] = 1; ses[B(2,0)] = 1 }
  atomic { run G(N1); run G(N2);
#ifdef PINS
    run Sync();
#endif
#ifndef NO_READER
    run Reader()
#endif
  }
}
