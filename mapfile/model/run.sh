#!/usr/bin/env bash
# Checks the models: every size listed below must pass, every broken variant must fail. Needs spin and gcc.
#
#   run.sh              all small sizes and all broken variants
#   run.sh -quick       one small size of each model and the broken variants that fail at once: what `go test` runs
#   run.sh -large       all small sizes, all broken variants, and the large sizes of README.md (minutes, gigabytes)
#   run.sh -one MODEL FLAGS...   one run, whatever it is
#
# MODEL_JOBS (2) run side by side, each with MODEL_MEMORY (4000) MB at most, for MODEL_LIMIT (900) seconds at most.
# Exit code: 0 all as expected, 1 something was not, 77 skipped because a tool is not there.
set -u
cd "$(dirname "$0")" || exit 1

# What is expected, mode, model, flags. q: also in the quick run; s: small; l: large only. Broken variants are searched with a bit for
# each state, which needs little memory and finds what is there to find; what must pass is searched exhaustively.
table='
pass q commit   -DOPS=1 -DCRASHES=1 -DK=2 -DREADS=1
pass s commit   -DOPS=2 -DCRASHES=1 -DK=3 -DREADS=1
pass s commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=2 -DEMPTY
pass s commit   -DOPS=1 -DCRASHES=1 -DK=3 -DREADS=2 -DPINS
pass l commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=2
pass l commit   -DOPS=2 -DCRASHES=2 -DK=2 -DREADS=1
pass l commit   -DOPS=3 -DCRASHES=1 -DK=2 -DREADS=1
fail q commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=1 -DCOMMIT_LATE
fail s commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=1 -DNO_MARK
fail q commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=1 -DNO_SEQ_RECHECK
fail s commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=1 -DVERSION_AGAIN
fail s commit   -DOPS=2 -DCRASHES=1 -DK=2 -DREADS=1 -DMARK_ONCE -DMARK_WITHOUT_SEQ
fail s commit   -DOPS=2 -DCRASHES=2 -DK=2 -DREADS=1 -DMARK_ONCE
fail s commit   -DOPS=3 -DCRASHES=0 -DK=2 -DREADS=1 -DNO_PENDING_RECHECK
pass s commit   -DOPS=3 -DCRASHES=0 -DK=3 -DREADS=2 -DPINS -DONLY_COMMITS
fail s commit   -DOPS=3 -DCRASHES=0 -DK=3 -DREADS=2 -DPINS -DONLY_COMMITS -DNO_MARK_RECHECK
pass s commit   -DOPS=2 -DCRASHES=1 -DK=3 -DREADS=1 -DPINNING
fail s commit   -DOPS=2 -DCRASHES=1 -DK=3 -DREADS=1 -DPINNING -DNO_T3
pass s takeover -DNA=1 -DNB=1 -DNO_C
pass q takeover -DNA=1 -DNB=1 -DNO_C -DOLDER
pass s takeover -DNA=0 -DNB=1 -DK=2 -DS4DEATH
pass l takeover -DNA=2 -DNB=1 -DNO_C
pass l takeover -DNA=1 -DNB=1 -DK=2
fail q takeover -DNA=1 -DNB=1 -DNO_C -DREUSE_EARLY
fail s takeover -DNA=1 -DNB=1 -DNO_C -DNEXT_FIRST
fail s takeover -DNA=1 -DNB=1 -DNO_C -DLAZY
fail s takeover -DNA=1 -DNB=1 -DNO_C -DUNLOCK_FIRST
fail s takeover -DNA=1 -DNB=1 -DNO_C -DOLDER -DBY_NUMBER
fail s takeover -DNA=0 -DNB=1 -DK=2 -DS4DEATH -DNUMBER_AGAIN
pass s session  -DN1=1 -DN2=1
pass q session  -DN1=2 -DN2=0
pass s session  -DN1=2 -DN2=1 -DNO_READER
pass l session  -DN1=2 -DN2=1 -DONLY_COMMITS
fail q session  -DN1=1 -DN2=1 -DNO_SLOT_MUTEX
fail s session  -DN1=1 -DN2=1 -DNO_COMMIT_MUTEX
fail s session  -DN1=1 -DN2=1 -DSTALE_NUMBER
fail q session  -DN1=1 -DN2=1 -DNO_READER -DNO_TICKETS
fail s session  -DN1=1 -DN2=1 -DNO_READER -DTICKET_LATE
pass s session  -DN1=3 -DN2=0 -DPINS -DK=4 -DONLY_COMMITS
fail s session  -DN1=3 -DN2=0 -DPINS -DK=4 -DONLY_COMMITS -DABORT_KEEPS
fail s session  -DN1=3 -DN2=0 -DPINS -DK=4 -DONLY_COMMITS -DNO_MARK_RECHECK
'
table+='
pass q move     -DOA=2 -DOB=1
pass s move     -DOA=2 -DOB=1 -DKMIX
pass s move     -DOA=2 -DOB=1 -DCRASHES=1
pass s move     -DOA=1 -DOB=1 -DCRASHES=2
pass l move     -DOA=3 -DOB=2
pass l move     -DOA=4 -DOB=2
pass l move     -DOA=3 -DOB=2 -DKMIX -DCRASHES=1
fail s move     -DOA=3 -DOB=1 -DEXT_THEN_SEQ
fail s move     -DOA=4 -DOB=2 -DNO_COUNT
fail q move     -DOA=2 -DOB=1 -DNO_EXT
fail s move     -DOA=2 -DOB=0 -DGEN_THEN_EXT
fail s move     -DOA=2 -DOB=1 -DFREE_FIRST
fail q move     -DOA=2 -DOB=1 -DSWITCH_FIRST
fail s move     -DOA=2 -DOB=2 -DKMIX -DNO_MODULO
fail s move     -DOA=2 -DOB=1 -DNO_GEN
fail q move     -DOA=2 -DOB=1 -DKMIX -DINDEX_TWICE
fail s move     -DOA=1 -DOB=1 -DCRASHES=1 -DNO_STRUCTURE
fail s move     -DOA=1 -DOB=1 -DCRASHES=2 -DEVEN_EARLY
pass s replace  -DDEATHS=1
pass s replace  -DDEATHS=2
pass q replace  -DDEATHS=1 -DLIVE -DTWO_RECREATE
fail q replace  -DSESSION_LATE
fail q replace  -DNO_MARK_CHECK
fail q replace  -DNO_COMPARE
fail s replace  -DDEATHS=1 -DMARK_FIRST
fail s replace  -DDEATHS=1 -DNO_BEAT
fail s replace  -DNO_MARK -DNO_BEAT
pass s bell     -DPUBS=2
pass q bell     -DPUBS=2 -DONE
pass s bell     -DPUBS=2 -DFENCE
pass s bell     -DPUBS=1 -DWAITERS=2
pass s bell     -DPUBS=2 -DKILL
pass l bell     -DPUBS=3 -DONE
fail q bell     -DPUBS=2 -DONE -DNO_BARRIER
fail s bell     -DPUBS=2 -DSWAP_LATE
fail s bell     -DPUBS=2 -DONE -DCALM_STORE
fail q bell     -DPUBS=1 -DOPEN_SILENT
fail s bell     -DPUBS=2 -DPLAIN_ADD
fail q bell     -DPUBS=1 -DTELL_FIRST
fail s bell     -DPUBS=1 -DCLEAR_LATE
fail s bell     -DPUBS=1 -DWAITERS=2 -DWAKE_ONE
fail s bell     -DPUBS=2 -DKILL -DNOTE_SHARED
'

export MODELS=$PWD MEMORY=${MODEL_MEMORY:-4000}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export scratch

# check EXPECTED SIZE MODEL FLAGS...: one line of the table, in a directory of its own; prints how it went
check() {
	local expected=$1 model=$3 search='-O1 -DCOLLAPSE' bits=22 violation='assertion violated' dir result states seconds note
	shift 3
	dir=$(mktemp -d "$scratch/XXXXXX") && cp "$MODELS"/*.pml "$MODELS"/slot.inc "$dir" && cd "$dir" || return 1
	[[ $expected == fail ]] && search='-O0 -DBITSTATE' bits=28
	# shellcheck disable=SC2086 # search is several words
	if ! { spin -a "$@" "$model.pml" && gcc $search -w -DSAFETY -DVECTORSZ=2048 -DMEMLIM="$MEMORY" -o pan pan.c; } >build 2>&1; then
		printf 'WRONG  %-8s %s: cannot be built: %s\n' "$model" "$*" "$(tail -1 build)"
		return 1
	fi
	timeout "${MODEL_LIMIT:-900}" nice ./pan -m200000 -w$bits >out 2>&1
	result=$(grep -o 'errors: [0-9]*' out | tail -1)
	states=$(grep -o '[0-9.e+]* states, stored' out | tail -1)
	seconds=$(grep -o 'elapsed time [0-9.]*' out | tail -1)
	note=$(grep -m1 -o '^pan:[0-9]*: .*\|max search depth too small\|reached -DMEMLIM\|Search not completed' out | sed 's/^pan:[0-9]*: //' | cut -c1-60)
	[[ $model == bell ]] && violation='invalid end state'
	if [[ $expected == pass && $result == 'errors: 0' && -z $note ]] || [[ $expected == fail && $note == "$violation"* ]]; then
		printf 'ok     %s  %-8s %-52s %10s states %7s s  %s\n' "$expected" "$model" "$*" "${states%% *}" "${seconds##* }" "$note"
		return 0
	fi
	printf 'WRONG  %s  %-8s %s: %s %s\n' "$expected" "$model" "$*" "${result:-not finished}" "$note"
	return 1
}
export -f check

litmus() { # every test against the table in litmus/README.md
	local file want got wrong=0
	command -v herd7 >/dev/null || { printf 'SKIPPED: the litmus tests, herd7 is not installed\n'; return 0; }
	for file in litmus/*.litmus; do
		want=Never
		[[ $file == *-no-* ]] && want=Sometimes
		got=$(herd7 "$file" | awk '/^Observation/ { print $3 }')
		if [[ $got == "$want" ]]; then printf 'ok     %s: %s\n' "$file" "$got"; else
			printf 'WRONG  %s: %s, not %s\n' "$file" "${got:-no answer}" "$want"
			wrong=1
		fi
	done
	return $wrong
}

for tool in spin gcc timeout; do
	command -v "$tool" >/dev/null || { printf '!!! SKIPPED: the models of the protocol are not checked: %s is not installed\n' "$tool"; exit 77; }
done
case ${1:-} in
-one) shift; check pass s "$@"; exit ;;
-quick) sizes=q ;;
-large) sizes=qsl ;;
'') sizes=qs ;;
*) sed -n '2,8p' "$0"; exit 2 ;;
esac
lines=$(awk -v sizes="$sizes" 'NF && index(sizes, $2)' <<<"$table")
wrong=0
tr '\n' '\0' <<<"$lines" | xargs -0 -P "${MODEL_JOBS:-2}" -I LINE bash -c 'check LINE' || wrong=1
litmus || wrong=1
((wrong == 0)) || { printf '\nthe models are NOT as expected\n'; exit 1; }
printf '\n%d runs, all as expected\n' "$(wc -l <<<"$lines")"
