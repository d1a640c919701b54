/* The bell: no wake is lost (bell.go, waiter.go). Two producer processes, or (-DONE) one, with two goroutines in all that publish; each
 * has a store buffer, since on amd64 a publish word may become visible after a later load. One reader process: a waiter that sleeps in
 * the kernel on the bell, and a watcher that it tells. Time is not modelled: a window may end at any moment. There is no re-check here:
 * it must never be what delivers.
 *
 * Checked: nobody stays asleep over what was published (else an invalid end state: the watcher has not seen the last values).
 *
 *   PUBS publishes of each goroutine; -DFENCE: no barrier for all threads of a process, ring fences instead; -DWAITERS=2 reader
 *   processes; -DKILL: producer 0 may be killed between publish and ring, and nothing is promised of his last values
 *
 * Must fail: NO_BARRIER with ONE or PUBS=3  SWAP_LATE (the note is taken back after the ring)
 * CALM_STORE (calm by a store instead of a compare-and-swap)
 * OPEN_SILENT (who opens a window does not ring)  PLAIN_ADD (the bell is added to by load and store)  TELL_FIRST (the waiter tells
 * before it reads the bell)  CLEAR_LATE (the watcher takes the news after it has looked)  WAITERS=2 WAKE_ONE
 * KILL NOTE_SHARED (the note is in the file) */
#ifndef PUBS
#define PUBS 2
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifdef ONE
#define PROC(i) 0
#else
#define PROC(i) i
#endif
#ifdef NOTE_SHARED
#define NOTE(p) note[0]
#else
#define NOTE(p) note[p]
#endif
byte val[2];                      /* what the publish word of goroutine i's slot says to all */
byte buffer[2]; bool waits[2];     /* store buffers */
byte note[2];                     /* 0 calm, 1 window open, 2 something was published in it */
bool kick[2];
byte bell;
bool asleep[WAITERS]; bool news[WAITERS];
bool dead[2];

#define FLUSH(i) if :: waits[i] -> val[i] = buffer[i]; waits[i] = 0 :: else -> skip fi

proctype Drain(byte i) { /* a store buffer empties some time */
end: do :: atomic { waits[i] -> val[i] = buffer[i]; waits[i] = 0 } od
}

inline ringnow() { /* addAndWake; L7 is no more than this */
#ifdef PLAIN_ADD
  b = bell; bell = b + 1;
#else
  bell++;
#endif
  d_step { b = 0; do :: b < WAITERS -> if :: asleep[b] -> asleep[b] = 0;
#ifdef WAKE_ONE
        break
#else
        skip
#endif
      :: else -> skip fi; b++ :: else -> break od; b = 0 }
}

proctype Publisher(byte i; byte p) {
  byte n, r, b;
  do
  :: n < PUBS -> n++;
     atomic { !waits[i] -> buffer[i] = n; waits[i] = 1 };                                /* W5, C5 */
#ifdef KILL
     if :: i == 0 -> d_step { FLUSH(0); dead[0] = 1 }; goto killed :: skip fi;
#endif
#ifdef FENCE
     d_step { FLUSH(i) };
#endif
     do                                                                                /* W6, C6: ring */
     :: r = NOTE(p);
        if
        :: r == 2 -> break
        :: r == 1 -> d_step { FLUSH(i); r = NOTE(p); if :: r == 1 -> NOTE(p) = 2 :: else -> skip fi }; if :: r == 1 -> break :: else -> skip fi
        :: r == 0 -> d_step { FLUSH(i); r = NOTE(p); if :: r == 0 -> NOTE(p) = 1 :: else -> skip fi };
           if
           :: r == 0 ->
#ifndef OPEN_SILENT
              ringnow();
#endif
              assert(!kick[p]); kick[p] = 1; break
           :: else -> skip
           fi
        fi
     od; r = 0
  :: else -> break
  od;
killed: skip
}

proctype Ringer(byte p) {
  byte r, b;
end:
  do
  :: atomic { kick[p] && !dead[p] -> kick[p] = 0 };
     do
     :: dead[p] -> break
     :: else ->
#ifdef SWAP_LATE
        if :: NOTE(p) == 2 -> ringnow() :: else -> skip fi;
#endif
        d_step { r = NOTE(p); NOTE(p) = 1 };                                           /* Swap */
        if
        :: r == 2 ->
#ifndef SWAP_LATE
#if !defined(NO_BARRIER) && !defined(FENCE)
           d_step { if :: PROC(0) == p -> FLUSH(0) :: else -> skip fi; if :: PROC(1) == p -> FLUSH(1) :: else -> skip fi };
#endif
           ringnow()
#else
           skip
#endif
        :: else ->
#ifdef CALM_STORE
           NOTE(p) = 0; break
#else
           d_step { r = NOTE(p); if :: r == 1 -> NOTE(p) = 0 :: else -> skip fi }; if :: r == 1 -> break :: else -> skip fi
#endif
        fi
     od; r = 0
  od
}

proctype Waiter(byte w) {
  byte b;
  do
  ::
#ifdef TELL_FIRST
     news[w] = 1; b = bell;
#else
     b = bell; news[w] = 1;
#endif
     atomic { if :: bell == b -> asleep[w] = 1 :: else -> skip fi };                   /* the kernel compares */
end: !asleep[w]
  od
}

proctype Watcher(byte w) { /* blocked for good without the last values: an invalid end state */
  byte s0, s1;
  do
  :: news[w];
#ifndef CLEAR_LATE
     news[w] = 0;
#endif
     s0 = val[0]; s1 = val[1];
#ifdef CLEAR_LATE
     news[w] = 0;
#endif
     if
#ifdef KILL
     :: s1 == PUBS -> break
#else
     :: s0 == PUBS && s1 == PUBS -> break
#endif
     :: else -> s0 = 0; s1 = 0
     fi
  od
}

init {
  atomic {
    run Drain(0); run Drain(1); run Publisher(0, PROC(0)); run Publisher(1, PROC(1)); run Ringer(0);
#ifndef ONE
    run Ringer(1);
#endif
    run Waiter(0); run Watcher(0);
#if WAITERS > 1
    run Waiter(1); run Watcher(1)
#endif
  }
}
