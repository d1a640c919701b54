/* The path and its file: making, joining (OpenOrCreate), Recreate and RemoveDead at the same time, any of which may die after any
 * step. Files are 1, 2, …; `path` is the one that the path names, 0: none. Steps of create.go (produceNew, openOrCreate), recreate.go
 * (replaceOpen), remove_dead.go, session.go (newSession, beat).
 *
 * Checked: RemoveDead never deletes a file that has a producer, and nobody deletes or replaces a file other than the one whose lock
 * he holds; nobody becomes the producer of a file that was marked before; the file at the path is never a marked one; at the end every
 * living producer has the file at the path, or finds a mark on his (if need be by his heartbeat).
 *
 *   DEATHS of any of the processes
 *
 * Must fail: SESSION_LATE (a new file gets its name before its producer)  NO_MARK_CHECK (who joins does not look at the mark once he
 * has the lock)  NO_COMPARE (path and file are not compared under the lock)  MARK_FIRST with DEATHS=1 (the mark before the rename)
 * NO_BEAT with DEATHS=1 (heartbeats do not compare path and file)  NO_MARK */
#ifndef DEATHS
#define DEATHS 0
#endif
#define F 6
byte path;               /* a directory entry: changed by one system call each */
byte files;              /* files made */
byte mark[F];            /* superseded word */
byte structure[F];       /* structure lock: 1 + process */
byte held[F];            /* record locks: how many producers */
byte deaths;
byte mine[5];            /* file that process i produces into */
byte ended;

#define MAYDIE if :: skip :: deaths < DEATHS -> deaths++; goto dead fi
#define LOCK(f) atomic { structure[f] == 0 -> structure[f] = me + 1 }
#define UNLOCK(f) structure[f] = 0

/* makeFile, then sessionOf: the file has no name yet, so nobody is in the way */
inline make() { d_step { files++; g = files; assert(files < F);
#ifndef SESSION_LATE
    held[g]++; mine[me] = g
#endif
  } }
inline join(f) { d_step { held[f]++; mine[me] = f } }
inline die() { d_step { /* the kernel frees the locks */
    t = 1; do :: t < F -> if :: structure[t] == me + 1 -> structure[t] = 0 :: else -> skip fi; t++ :: else -> break od; t = 0;
    if :: mine[me] -> held[mine[me]]--; mine[me] = 0 :: else -> skip fi } }

proctype Join(byte me) { /* openOrCreate */
  byte f, g, t;
again: skip;
  d_step { f = path; g = 0 };                                /* open */
  if
  :: f == 0 ->
     make(); MAYDIE;
     if
     :: atomic { path == 0 -> path = g }                     /* link */
     :: atomic { path != 0 -> die(); goto again }            /* it exists: abandon, join */
     fi; MAYDIE;
#ifdef SESSION_LATE
     join(g)
#endif
  :: else ->
     if :: path != f -> goto again :: else -> skip fi;       /* identity */
     LOCK(f); MAYDIE;
#ifndef NO_MARK_CHECK
     if :: mark[f] -> UNLOCK(f); goto again :: else -> skip fi;  /* L2 */
#endif
     assert(!mark[f]); join(f); MAYDIE;
     UNLOCK(f)
  fi;
  goto end;
dead: die();
end: ended++
}

proctype Recreate(byte me) { /* replace, replaceOpen */
  byte f, g, t;
again: skip;
  d_step { f = path; g = 0 };
  if
  :: f == 0 ->
     make(); MAYDIE;
     if
     :: atomic { path == 0 -> path = g }
     :: atomic { path != 0 -> die(); goto again }
     fi; MAYDIE
  :: else ->
     LOCK(f); MAYDIE;
#ifndef NO_COMPARE
     if :: path != f -> UNLOCK(f); goto again :: else -> skip fi;
#endif
     make(); MAYDIE;
#ifdef MARK_FIRST
     mark[f] = 1; MAYDIE;
#endif
     d_step { assert(path == f); path = g }; MAYDIE;         /* rename */
#ifndef NO_MARK
     mark[f] = 1; MAYDIE;
#endif
     UNLOCK(f)
  fi;
#ifdef SESSION_LATE
  join(g);
#endif
  goto end;
dead: die();
end: ended++
}

proctype RemoveDead(byte me) {
  byte f, t;
  f = path;
  if :: f == 0 -> goto end :: else -> skip fi;
  LOCK(f); MAYDIE;
  if :: held[f] -> UNLOCK(f); goto end :: else -> skip fi;
#ifndef NO_COMPARE
  if :: path != f -> UNLOCK(f); goto end :: else -> skip fi;
#endif
  d_step { assert(path == f); assert(!held[f]); path = 0 }; MAYDIE;
  mark[f] = 2; MAYDIE;
  UNLOCK(f);
  goto end;
dead: die();
end: ended++
}


proctype After() { /* all is over: every producer's heartbeat has looked */
  byte i;
  ended == 4;
  assert(path == 0 || !mark[path]);
  do
  :: i < 4 ->
#ifndef NO_BEAT
     if :: mine[i] && path != mine[i] && !mark[mine[i]] -> mark[mine[i]] = 1 :: else -> skip fi;  /* beat, markSuperseded */
#endif
     assert(!mine[i] || path == mine[i] || mark[mine[i]]);
     i++
  :: else -> break
  od
}

init {
  d_step { files = 1; path = 1;
#ifdef LIVE
    held[1] = 1; mine[4] = 1     /* somebody has it already */
#endif
  }
  atomic { run Join(0); run Join(1); run Recreate(2);
#ifdef TWO_RECREATE
    run Recreate(3);
#else
    run RemoveDead(3);
#endif
    run After() }
}
