//go:build !race

#include "textflag.h"

// func StoreRelease(p *uint64, value uint64)
TEXT ·StoreRelease(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ value+8(FP), BX
	MOVQ BX, (AX)
	RET

// func OrderLoads()
TEXT ·OrderLoads(SB), NOSPLIT, $0-0
	RET
