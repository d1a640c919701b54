/* Extents and entries: a slot moves to another extent, the old one is free at once and another slot moves in; the slot is removed and
 * its entry used for another name; a slow reader with a cursor from before copies meanwhile. The owner of slot 0 may die after any
 * store of a structural change; whoever is next at the structure lock finds the structure word odd and rebuilds, and may die at that,
 * too. Steps L1 to L8, Move, Remove, Reuse of structure.go, grow.go, directory.go, rebuild.go; R of read.go.
 *
 * Extent word = (extent, count), one word. Publish word = (version, index), the index modulo the K of the extent. A removed entry
 * keeps `floor`; its next slot starts at version 0 with sequences 0 and goes on from there.
 *
 * Checked: what Get returns is exactly the bytes of that version of that name; a reader never goes back; no space has two owners; who
 * begins a change finds a free map that says what is reachable, so nothing is lost for good; a healthy slot is never called damaged.
 *
 *   OA, OB steps of the two owners, READS reads, CRASHES deaths; -DKMIX: K is 3 in one extent and 2 in the others
 *
 * Must fail: EXT_THEN_SEQ (the extent word is looked at before the sequence)  NO_COUNT  NO_EXT  GEN_THEN_EXT (R2 before R1)
 * FREE_FIRST (the old extent is given back before the switch)  SWITCH_FIRST (the switch before the copy)  KMIX NO_MODULO
 * NO_GEN (no R2)  KMIX INDEX_TWICE (the published buffer goes to its index modulo the old K modulo the new one)
 * CRASHES=1 NO_STRUCTURE (no structure word: nobody rebuilds)  CRASHES=2 EVEN_EARLY (the structure word is even before the rebuild is done) */
#ifndef OA
#define OA 3
#endif
#ifndef OB
#define OB 1
#endif
#ifndef READS
#define READS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#define X 3                      /* extents in the file */
#define KX 3
#ifdef KMIX
#define KOF(e) ((e) == 0 -> 3 : 2)
#else
#define KOF(e) 2
#endif
#define NONE 7
#define C(e,b) ((e)*KX + (b))
#define ODD(x) ((x) & 1)
#ifdef NO_MODULO
#define AT(i,e) (i)
#else
#define AT(i,e) ((i) % KOF(e))
#endif

byte seq[X*KX]; byte d1[X*KX]; byte d2[X*KX];  /* a payload says version and name: version*4 + name */
byte ext[2]; byte cnt[2];                      /* extent word of each entry */
byte gen[2]; byte floor[2];
byte pv[2]; byte pi[2];                        /* publish word */
byte used[X];                                  /* free map: 0, or 1 + entry */
bool odd;                                      /* structure word */
byte lock;                                     /* structure lock: 1 + holder */
byte crashes;

#define MAYDIE if :: skip :: s == 0 && crashes < CRASHES -> crashes++; goto dead fi

inline rebuild() { /* L3: the free map from what is reachable */
  used[0] = 0; used[1] = 0; used[2] = 0; MAYDIE;
  if :: ext[0] != NONE -> used[ext[0]] = 1; MAYDIE :: else -> skip fi;
  if :: ext[1] != NONE -> assert(!used[ext[1]]); used[ext[1]] = 2; MAYDIE :: else -> skip fi
}
inline begin() {
  atomic { lock == 0 -> lock = s + 1 };                                /* L1 */
#ifdef EVEN_EARLY
  if :: odd -> odd = 0; rebuild() :: else -> skip fi;
#elif !defined(NO_STRUCTURE)
  if :: odd -> rebuild() :: else -> skip fi;                           /* L3 */
#endif
  d_step { t = 0; do :: t < X -> assert(used[t] == (ext[0] == t -> 1 : (ext[1] == t -> 2 : 0))); t++ :: else -> break od; t = 0 };
  odd = 1                                                              /* L4 */
}
inline end() { d_step { odd = 0; lock = 0 } }                          /* L6, L8 */
inline alloc(x) {
  d_step { x = NONE; t = 0; do :: t < X -> if :: !used[t] && x == NONE -> x = t :: else -> skip fi; t++ :: else -> break od; t = 0 };
  if :: x != NONE -> used[x] = s + 1 :: else -> skip fi
}
inline clear(e) { d_step { t = 0; do :: t < KX -> seq[C(e,t)] = 0; t++ :: else -> break od; t = 0 } }
inline copyone(o, f, n, g) { d1[C(n,g)] = d1[C(o,f)]; d2[C(n,g)] = d2[C(o,f)]; seq[C(n,g)] = seq[C(o,f)] }
inline copybuffers(o, n) { /* the published one at the publish word's index modulo the new K; of the others the newest that find room */
  w = AT(pi[s], o); b = AT(pi[s], n);
#ifdef INDEX_TWICE
  b = AT(w, n);
#endif
  copyone(o, w, n, b); q = 1 << b;
  v = 0;
  do
  :: v < KOF(o) - 1 -> v++;
     d_step { x2 = NONE; t = 0;
       do :: t < KOF(o) -> if :: t != w && !((done >> t) & 1) && (x2 == NONE || seq[C(o,t)] > seq[C(o,x2)]) -> x2 = t :: else -> skip fi; t++ :: else -> break od;
       t = 0; done = done | (1 << x2) };
     if :: !((q >> (x2 % KOF(n))) & 1) -> copyone(o, x2, n, x2 % KOF(n)); q = q | (1 << (x2 % KOF(n))) :: else -> skip fi
  :: else -> break
  od; skip;
  d_step { w = 0; b = 0; q = 0; v = 0; x2 = 0; done = 0 }
}

proctype Owner(byte s; byte n) {
  byte t, b, v, x, x2, o, w, q, done, top, name, ops;
  name = s; top = pv[s];
  goto work;
dead: /* the kernel gives the lock back; a successor starts with a change of its own (S), which may die as well */
  skip; d_step { t = 0; b = 0; v = 0; x = 0; x2 = 0; o = 0; w = 0; q = 0; done = 0; if :: lock == s + 1 -> lock = 0 :: else -> skip fi };
  begin(); MAYDIE;
  d_step { name = (gen[s] > 1 -> 2 : s); top = (floor[s] > pv[s] -> floor[s] : pv[s]);
    if :: ext[s] != NONE -> t = 0; do :: t < KOF(ext[s]) -> if :: (seq[C(ext[s],t)] + 1)/2 > top -> top = (seq[C(ext[s],t)] + 1)/2 :: else -> skip fi; t++ :: else -> break od; t = 0 :: else -> skip fi };
  end();
  if :: ext[s] == NONE -> goto fin :: else -> skip fi;
work:
  do
  :: ops < n -> ops++;
     if
     :: /* update: W1 to W5 */
        o = ext[s]; b = (AT(pi[s], o) + 1) % KOF(o); top++; v = top;
        seq[C(o,b)] = 2*v - 1; d1[C(o,b)] = v*4 + name; d2[C(o,b)] = v*4 + name; seq[C(o,b)] = 2*v;
        d_step { pv[s] = v; pi[s] = b }
     :: /* move: L5 */
        begin(); alloc(x); MAYDIE;
        if
        :: x != NONE ->
           o = ext[s]; clear(x);
#ifdef FREE_FIRST
           used[o] = 0; end();
#endif
#ifdef SWITCH_FIRST
           d_step { ext[s] = x; cnt[s]++ };
           copybuffers(o, x);
#else
           copybuffers(o, x); MAYDIE;
           floor[s] = top;
           d_step { ext[s] = x; cnt[s]++ }; MAYDIE;
#endif
           assert(ext[1-s] != x);
#ifndef FREE_FIRST
           used[o] = 0; MAYDIE
#endif
        :: else -> skip
        fi;
#ifdef FREE_FIRST
        if :: x == NONE -> end() :: else -> skip fi
#else
        end()
#endif
     :: s == 0 && gen[0] == 0 -> /* remove; then the entry for another name: L5 */
        begin(); o = ext[0];
        floor[0] = top;
        d_step { ext[0] = NONE; cnt[0]++ }; MAYDIE;
        gen[0]++; MAYDIE;
        used[o] = 0; MAYDIE;
        end();
        begin(); alloc(x); MAYDIE;
        if
        :: x == NONE -> end(); goto fin
        :: else -> skip
        fi;
        clear(x); d_step { pv[0] = 0; pi[0] = 0 }; MAYDIE;
        name = 2; gen[0]++; MAYDIE;
        d_step { ext[0] = x; cnt[0]++ }; MAYDIE;
        assert(ext[1] != x);
        end()
     fi; skip;
     d_step { b = 0; v = 0; x = 0; o = 0 }
  :: else -> break
  od;
fin: skip
}

proctype Reader() { /* a cursor of the slot of generation 0 */
  byte e, k, v, i, q, y, z, last, tries, reads;
  do
  :: reads < READS -> tries = 0;
again: skip;
#ifdef GEN_THEN_EXT
     if :: gen[0] != 0 -> goto gone :: else -> skip fi;
     d_step { e = ext[0]; k = cnt[0] }; if :: e == NONE -> goto gone :: else -> skip fi;
#else
     d_step { e = ext[0]; k = cnt[0] }; if :: e == NONE -> goto gone :: else -> skip fi;   /* R1 */
#ifndef NO_GEN
     if :: gen[0] != 0 -> goto gone :: else -> skip fi;                                    /* R2 */
#endif
#endif
     d_step { v = pv[0]; i = pi[0] };                                                      /* R3 */
     if :: v == 0 -> goto retry :: else -> skip fi;
#ifdef NO_MODULO
     assert(i < KOF(e));
#endif
     i = AT(i, e);
     q = seq[C(e,i)];                                                                      /* R4 */
     if
     :: q != 2*v ->
        if :: pv[0] != v || AT(pi[0], e) != i -> goto retry :: else -> skip fi;
        if :: ext[0] != e || cnt[0] != k -> goto retry :: else -> assert(false) fi
     :: else -> skip
     fi;
     y = d1[C(e,i)]; z = d2[C(e,i)];                                                       /* R6 */
#ifdef EXT_THEN_SEQ
     if :: ext[0] != e || cnt[0] != k -> goto retry :: else -> skip fi;
     if :: seq[C(e,i)] != q -> goto retry :: else -> skip fi;
#else
     if :: seq[C(e,i)] != q -> goto retry :: else -> skip fi;                              /* R7 */
#ifdef NO_COUNT
     if :: ext[0] != e -> goto retry :: else -> skip fi;
#elif !defined(NO_EXT)
     if :: ext[0] != e || cnt[0] != k -> goto retry :: else -> skip fi;
#endif
#endif
     assert(y == z && y == v*4); assert(v >= last); last = v;
     goto next;
retry: tries++; if :: tries < 2 -> goto again :: else -> skip fi;
next: reads++; e = 0; k = 0; v = 0; i = 0; q = 0; y = 0; z = 0
  :: else -> break
  od;
gone: skip
}

init {
  d_step { /* slot 0 in extent 0 and slot 1 in extent 1, both at version 3 */
    ext[0] = 0; ext[1] = 1; used[0] = 1; used[1] = 2;
    pv[0] = 3; pv[1] = 3; pi[1] = 1;
#ifdef KMIX
    pi[0] = 2;
#else
    pi[0] = 1;
#endif
    seq[C(0,pi[0])] = 6; d1[C(0,pi[0])] = 12; d2[C(0,pi[0])] = 12; seq[C(0,pi[0]-1)] = 4; d1[C(0,pi[0]-1)] = 8; d2[C(0,pi[0]-1)] = 8;
    seq[C(1,1)] = 6; d1[C(1,1)] = 13; d2[C(1,1)] = 13; seq[C(1,0)] = 4; d1[C(1,0)] = 9; d2[C(1,0)] = 9 }
  atomic { run Owner(0, OA); run Owner(1, OB); run Reader() }
}
